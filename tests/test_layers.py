"""Who may import whom: parts know nothing of each other, only scripts know everything."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {"train", "val", "predict"}
# inference.predictor is a door of its own: it builds a whole run, as a script does.
DOOR = {"engine.config", "engine.device", "engine.run_folder", "models"}
# package → the packages of ours that it may import besides itself
ALLOWED = {
    "models": set(),
    "losses": set(),
    "metrics": set(),
    "datasets": {"engine.errors", "engine.files", "engine.seeding", "engine.yaml_file"},
    "engine": {"inference.masks"},
    "inference": {"datasets", "engine.errors", "engine.files", "engine.history", "engine.yaml_file"} | DOOR,
}


def imports_of(source):
    """The modules that Python source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


def wrong_arrows(package, source):
    for name in imports_of(source):
        top = name.split(".")[0]
        ours = top in ALLOWED or top in SCRIPTS
        if ours and top != package and not {top, name} & ALLOWED[package]:
            yield name


def test_every_import_follows_the_layers():
    files = [path for package in ALLOWED for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) >= 30
    assert {path.relative_to(ROOT).parts[0] for path in files} == set(ALLOWED)
    found = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in wrong_arrows(path.relative_to(ROOT).parts[0], path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("package", "source"),
    [
        ("models", "import losses"),
        ("losses", "def f():\n    from metrics.counts import Scores"),
        ("engine", "from models import build_model"),
        ("datasets", "from engine.loops import evaluate"),
        ("datasets", "import train"),
    ],
)
def test_a_wrong_arrow_is_seen(package, source):
    assert list(wrong_arrows(package, source))


def test_engine_and_inference_do_not_import_each_other_in_a_circle():
    """inference may use engine's leaves and engine inference.masks; neither of those imports back."""
    for leaf in (
        "engine/errors.py",
        "engine/files.py",
        "engine/history.py",
        "engine/yaml_file.py",
        "inference/masks.py",
    ):
        names = set(imports_of((ROOT / leaf).read_text(encoding="utf-8")))
        assert not {name for name in names if name.split(".")[0] in ("engine", "inference")} - {"engine.errors"}
