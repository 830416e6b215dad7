"""A run is opened from another folder, whose own modules have the names of ours."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import hubconf
import train
from saved_run import load_run

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import sys
import numpy as np
import models  # the caller's, before a run is opened
import torch

before = set(sys.path)
predictor = torch.hub.load(sys.argv[1], "load_run", sys.argv[2], source="local", device="cpu")
assert set(sys.path) == before


class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in NAMES:
            raise AssertionError(f"{name} is imported after the run was opened")


NAMES = set(sys.argv[4].split())
assert not [name for name in sys.modules if name.partition(".")[0] in NAMES - {"models"}]
sys.meta_path.insert(0, Guard())
image = np.load("image.npy")
found = {"masks": predictor(image)["nucleus"], "maps": predictor.maps(image)}
found |= {"tensor": predictor(torch.from_numpy(image).permute(2, 0, 1))["nucleus"]}
found |= {"png": predictor("image.png")["nucleus"], "tiff": predictor.predict("image.tif").masks[0]}
found |= {"labels": predictor.cells(image).labels, "probabilities": predictor.probabilities(image)["nucleus"]}
np.savez(sys.argv[3], **found)
sys.meta_path.pop(0)

assert sys.modules["models"] is models
import assemble, datasets, metrics, system, train  # the caller's, afterwards
for module in (assemble, datasets, metrics, models, system, train):
    assert module.WHOSE == "the caller's"
try:
    torch.hub.load(sys.argv[1], "load_run", "no_run", source="local")
except Exception as error:
    assert "no such run folder" in str(error), error
assert sys.modules["models"] is models and sys.modules["metrics"] is metrics
again = torch.hub.load(sys.argv[1], "load_run", sys.argv[2], sys.argv[2], source="local", device="cpu")
assert np.array_equal(again(image)["nucleus"], found["masks"])
"""


@pytest.fixture
def away(tmp_path):
    """The folder of another program: it has a module for each name of ours, and an image in three formats."""
    folder = tmp_path / "another program"
    folder.mkdir()
    for name in hubconf._NAMES - {"hubconf"}:
        (folder / f"{name}.py").write_text('WHOSE = "the caller\'s"\n')
    (folder / "program.py").write_text(PROGRAM)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    cv2.circle(image, (20, 20), 8, (250, 250, 250), -1)
    np.save(folder / "image.npy", image)
    for name in ("image.png", "image.tif"):
        assert cv2.imwrite(str(folder / name), image[..., ::-1])
    return folder


@pytest.fixture
def run(run_main, small_config, tmp_path):
    code, _, err = run_main(train, "--config", small_config, "train.epochs=3")
    assert code == 0, err
    return tmp_path / "outputs" / "small"


def python(folder, *arguments, **environment):
    given = os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONDONTWRITEBYTECODE": "1", **environment}
    words = [sys.executable, *map(str, arguments)]
    return subprocess.run(words, cwd=folder, env=given, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_torch_hub_opens_a_run_beside_modules_of_the_same_names(run, away, tmp_path):
    done = python(away, "program.py", ROOT, run, tmp_path / "found.npz", " ".join(sorted(hubconf._NAMES)))
    assert (done.returncode, done.stderr) == (0, "")
    found, image, predictor = np.load(tmp_path / "found.npz"), np.load(away / "image.npy"), load_run(run)
    assert found["masks"].any()
    for name in ("masks", "tensor", "png", "tiff"):
        assert np.array_equal(found[name], predictor(image)["nucleus"])
    np.testing.assert_allclose(found["maps"], predictor.maps(image), atol=1e-6)
    assert np.array_equal(found["labels"], predictor.cells(image).labels)
    assert np.array_equal(found["probabilities"], found["maps"][0])


@pytest.mark.slow
def test_the_path_of_python_leads_here_only_without_such_modules(run, away, tmp_path):
    """The second half is the control of the test above: the caller's modules do get in the way."""
    (tmp_path / "empty").mkdir()
    code = "import sys; from saved_run import load_run; print(load_run(sys.argv[1]).classes)"
    done = python(tmp_path / "empty", "-c", code, run, PYTHONPATH=str(ROOT))
    assert (done.returncode, done.stdout, done.stderr) == (0, "('nucleus',)\n", "")
    done = python(away, "-c", code, run, PYTHONPATH=str(ROOT))
    assert done.returncode == 1
    assert "cannot import name 'load_run' from 'saved_run'" in done.stderr


def test_names_and_dependencies():
    assert {"models", "metrics", "datasets", "system", "saved_run", "train"} <= hubconf._NAMES
    assert not hubconf._NAMES & {"tests", "torch", "numpy"}
    assert [name for name in hubconf.dependencies if importlib.util.find_spec(name) is None] == []


def test_the_callers_modules_are_back_after_an_error(monkeypatch):
    import models

    modules, path = dict(sys.modules), list(sys.path)
    with pytest.raises(KeyError), hubconf._own_modules():
        sys.modules["models"]
    assert (sys.modules["models"], sys.path) == (models, path)
    assert sys.modules == modules
