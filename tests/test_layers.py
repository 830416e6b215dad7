"""Who may import whom. The table is the plan of the house; docs/architecture.md explains it."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = {"train", "val", "predict", "release", "saved_run"}
# Folder → the folders of ours that its files may import, besides the folder itself and what lies below it.
ALLOWED = {
    "system/machine": set(),
    "system": {"system/machine"},
    "models": {"system"},
    "losses": {"system"},
    "metrics": {"system"},
    "images/formats": {"system"},
    "images/microscope": {"images/formats", "system"},
    "images": {"images/formats", "images/microscope", "system"},
    "images/labels": {"images", "system"},
    "tasks": {"images", "metrics", "system"},
    "datasets/folder": {"tasks", "images", "system"},
    "datasets/draws": {"images", "system"},
    "datasets/grouping": {"images", "system"},
    "datasets": {
        "datasets/draws",
        "datasets/folder",
        "datasets/grouping",
        "tasks",
        "images",
        "system",
        "system/machine",
    },
    "datasets/loading": {"datasets/draws", "datasets", "images", "system", "system/machine"},
    "datasets/prepare": {"datasets", "images", "images/labels", "system", "system/machine"},
    "datasets/check": {"datasets", "datasets/folder", "datasets/grouping", "tasks", "images", "system"},
    "engine": {"tasks", "system", "system/machine"},
    "engine/runs": {"engine", "system"},
    "engine/schema": {"models", "losses", "tasks", "system"},
    "inference/cells": {"tasks", "images", "metrics", "system"},
    "inference/measurements": {"images", "system"},
    "inference/warnings": {"images", "system"},
    "inference": {"inference/cells", "tasks", "images", "models", "engine", "system", "system/machine"},
    "inference/model_card": {"inference/cells", "images", "metrics", "system"},
    "inference/export": {"inference/model_card", "inference/files", "inference", "tasks", "images", "system"},
    "inference/other_tools": {"images", "images/labels", "system", "system/machine"},
    "inference/files": {
        "inference/cells",
        "inference/measurements",
        "inference/other_tools",
        "inference",
        "tasks",
        "images",
        "images/labels",
        "images/microscope",
        "metrics",
        "engine",
        "system",
    },
    "inference/measure": {"inference/measurements", "inference/files", "images", "system"},
    "inference/pipeline": {
        "inference/files",
        "inference/warnings",
        "inference/measurements",
        "inference/cells",
        "inference",
        "images",
        "engine",
        "system",
        "system/machine",
    },
    "report": {"inference/files", "images", "metrics", "engine/runs", "system"},
    "assemble": {
        "report",
        "inference/warnings",
        "inference/model_card",
        "inference/files",
        "inference",
        "inference/cells",
        "engine/schema",
        "engine/runs",
        "engine",
        "datasets/prepare",
        "datasets/loading",
        "datasets/grouping",
        "datasets/folder",
        "datasets/draws",
        "datasets",
        "tasks",
        "images",
        "metrics",
        "losses",
        "models",
        "system",
    },
}
# A file that may import more, and what: each with its reason.
EXCEPTIONS = {
    "datasets/statistics/__main__.py": {"assemble", "engine/runs", "engine/schema"},  # it is a script: it opens a run
    "datasets/suspects/__main__.py": {"assemble", "metrics", "inference/files"},  # it is a script: it opens runs
    "report/__main__.py": {"assemble", "saved_run"},  # it is a script: it opens the run and its data as val.py does
    "inference/export/__main__.py": {"saved_run", "assemble", "system/machine"},  # it is a script, too
}


def imports_of(source):
    """The modules that Python source imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module


def room_of(module):
    """Returns the folder of the table that a module belongs to, or the script; None for modules of other projects."""
    parts = module.split(".")
    if parts[0] in SCRIPTS:
        return parts[0]
    inner = "/".join(parts[:2])
    return inner if inner in ALLOWED else parts[0] if parts[0] in ALLOWED else None


def wrong_arrows(name, source):
    """Yields the modules that the file `name`, such as "engine/loops.py", imports although the table forbids it."""
    room = room_of(name.removesuffix(".py").replace("/", "."))
    for module in imports_of(source):
        target = room_of(module)
        if target not in (None, room, *ALLOWED[room], *EXCEPTIONS.get(name, ())):
            yield module


def sources():
    files = [path for room in sorted({room.split("/")[0] for room in ALLOWED}) for path in (ROOT / room).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(files)}


def test_every_import_follows_the_table():
    found = sources()
    assert len(found) >= 90
    assert {room_of(name.removesuffix(".py").replace("/", ".")) for name in found} >= set(ALLOWED)
    wrong = [f"{name} imports {module}" for name, source in found.items() for module in wrong_arrows(name, source)]
    assert wrong == []


def test_every_exception_is_needed():
    found = sources()
    for name, rooms in EXCEPTIONS.items():
        used = {room_of(module) for module in imports_of(found[name])}
        assert rooms <= used, f"{name} no longer imports {rooms - used}"


def test_no_folders_import_each_other_in_a_circle():
    """The table itself has an order in which every folder imports earlier ones only."""
    done = set()
    while len(done) < len(ALLOWED):
        ready = {room for room, imported in ALLOWED.items() if imported - {room} <= done} - done
        assert ready, f"a circle among {set(ALLOWED) - done}"
        done |= ready


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("models/unet.py", "import losses"),
        ("losses/dice.py", "def f():\n    from metrics.counts import Scores"),
        ("engine/history.py", "from models import build_model"),
        ("engine/history.py", "from engine.runs.run_folder import RunFolder"),
        ("datasets/folder/data_folder.py", "from engine.loops import evaluate"),
        ("datasets/survey.py", "from datasets.check.report import Report"),
        ("datasets/folder/listing.py", "import train"),
        ("inference/tiling.py", "from saved_run import load_run"),
        ("assemble/unseen.py", "from saved_run import open_run"),
        ("tasks/binary.py", "from datasets.folder.data_folder import Sample"),
    ],
)
def test_a_wrong_arrow_is_seen(name, source):
    assert list(wrong_arrows(name, source))
