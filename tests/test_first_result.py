"""Which packages are loaded when train.py takes its first step, and when predict.py has written its first mask."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = (
    "torch._dynamo",
    "sympy",
    "sklearn",
    "pandas",
    "scipy.stats",
    "skimage.morphology",
    "matplotlib",
    "huggingface_hub",
    "tifffile",
    "PIL",
    "jinja2",
    "torchvision",
)
# Both end the process at their result, before anything later is loaded. The training shows besides what torch's own
# optimiser would load; that is the control.
TRAINING = """
import os, sys, train
from pathlib import Path
from engine.training import Training

def only_step(*arguments, step=Training.step, **keywords):
    step(*arguments, **keywords)
    print("LOADED", *sys.modules)
    import torch
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    print("LOADED", *sys.modules, flush=True)
    os._exit(0)

Training.step, train.ROOT, sys.argv = only_step, Path(sys.argv[1]), ["train.py", *sys.argv[2:]]
train.main()
"""
PREDICTION = """
import os, sys, predict
from inference.files.outputs import PredictionFolder

def only_write(*arguments, write=PredictionFolder.write, **keywords):
    write(*arguments, **keywords)
    print("LOADED", *sys.modules, flush=True)
    os._exit(0)

PredictionFolder.write = only_write
predict.main()
"""


def loaded(script, *words):
    """The sets of modules that the script prints."""
    command = [sys.executable, "-c", script, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines() if line.startswith("LOADED")]


@pytest.mark.slow
def test_nothing_heavy_before_the_first_step(small_config, tmp_path):
    (at_step, control) = loaded(TRAINING, tmp_path, "--config", small_config, "train.workers=0")
    assert {"torch", "albumentations"} <= at_step
    assert at_step & {*HEAVY} == set()
    assert {"torch._dynamo", "sympy"} <= control


@pytest.mark.slow
def test_nothing_heavy_before_the_first_mask(small_config, small_set, run_main, tmp_path):
    import train

    assert run_main(train, "--config", small_config)[0] == 0
    words = ("--run", tmp_path / "outputs" / "small", "--input", small_set / "images", "--out", tmp_path / "out")
    (at_mask,) = loaded(PREDICTION, *words)
    assert list((tmp_path / "out" / "masks").rglob("*.png"))
    needed = {"tifffile", "skimage.morphology"}  # cells are written as TIFF, and the watershed finds them
    assert at_mask & {*HEAVY, "albumentations"} == needed
