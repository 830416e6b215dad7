"""Nothing in a file is executed, and nothing asks the network. The calls that could do this are in no file of ours."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("datasets", "engine", "images", "inference", "losses", "metrics", "models", "report", "system", "tasks")
FOLDERS = ("benchmarks", *PACKAGES)
OPTIONAL = {"pylibCZIrw", "nd2", "liffile", "zarr", "roifile"}  # requirements-formats.txt
MODULES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "urllib", "http", "requests", "socket"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
METHODS = {"extractall", "extract", "unpack_archive", "popen"}
YAML = {"load", "load_all", "unsafe_load", "full_load", "safe_load", "safe_load_all"}


def strays(source):
    """Yields the calls that could execute a file's content, unpack it under the names inside it, or ask the network."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from (name for name in names if name.split(".")[0] in MODULES)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            owner = getattr(getattr(node.func, "value", None), "id", "")
            keys = {keyword.arg: getattr(keyword.value, "value", None) for keyword in node.keywords}
            if (
                (name in BUILTINS and isinstance(node.func, ast.Name))
                or name in METHODS
                or (owner, name) == ("os", "system")
            ):
                yield name
            if owner == "yaml" and name in YAML:
                yield f"yaml.{name}"
            if owner == "torch" and name in ("load", "jit"):
                yield f"torch.{name}" if keys.get("weights_only") is not True else "safe torch.load"
            if keys.get("allow_pickle") or keys.get("shell"):
                yield f"{name} with allow_pickle or shell"


def test_only_two_places_load():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    files += sorted(ROOT.glob("*.py"))
    assert len(files) >= 90
    found = {path.relative_to(ROOT).as_posix(): list(strays(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: what for name, what in found.items() if what} == {
        "engine/runs/checkpoint_file.py": ["safe torch.load"],
        "system/yaml_file.py": ["yaml.load"],  # with a loader of its own, derived from the safe one
    }


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from urllib.request import urlopen",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
        "yaml.safe_load(text)",
        "eval(text)",
        "archive.extractall(out)",
        "subprocess.run(line, shell=True)",
        "os.system(line)",
    ],
)
def test_a_stray_is_seen(source):
    assert list(strays(source)) not in ([], ["safe torch.load"])


OFFLINE = """
import sys

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.gethostbyname", "urllib.Request", "http.client.connect") or (
        event in ("socket.connect", "socket.sendto") and not isinstance(arguments[1], (str, bytes))
    ):
        print("NETWORK", event, arguments, flush=True)
        raise OSError("no network in this test")

sys.addaudithook(refuse)
"""


def run_offline(code):
    environment = {name: value for name, value in os.environ.items() if name != "NO_ALBUMENTATIONS_UPDATE"}
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE + code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_importing_and_training_never_ask_the_network(tmp_path, small_config):
    code = f"""
import train, val, predict
from pathlib import Path
train.ROOT = val.ROOT = Path({str(tmp_path)!r})
sys.argv = ["train.py", "--config", {str(small_config)!r}]
train.main()
run = train.ROOT / "outputs/small"
val.validate(run)
predict.predict([run], [{str(tmp_path / "inputs/small/images")!r}], run / "predicted")
import importlib
for folder in {PACKAGES!r}:
    for path in sorted(Path(folder).rglob("*.py")):
        try:
            importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
        except ModuleNotFoundError as error:
            if error.name.split(".")[0] not in {OPTIONAL!r}:
                raise
print("DONE")
"""
    code, out, err = run_offline(code)
    assert code == 0, err
    assert "DONE" in out
    assert "NETWORK" not in out


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    ["import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')", "import albumentations"],
)
def test_an_attempt_is_seen(code):
    """The second case is the reason why datasets/augment.py sets NO_ALBUMENTATIONS_UPDATE."""
    assert "NETWORK" in run_offline(code)[1]
