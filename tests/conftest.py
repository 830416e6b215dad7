"""Small data sets that tests train on, and the way they run a script."""

import os

os.environ["GPUS_OF_THE_TESTS"] = os.environ.get("CUDA_VISIBLE_DEVICES", "all")  # for those in processes of their own
os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the suite gives the same answers on any machine
# The networks of the tests are so small that a second thread makes them slower, beside other work many times.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from system.errors import run_script

# A suite in the background, or under nohup, inherits that signals are ignored; its processes would ignore them, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

ROOT = Path(__file__).resolve().parent.parent


def write_set(root, *, images=10, size=(32, 32), classes=("nucleus",)):
    """A data folder of bright discs on noise: worth an epoch of training, written without the project's own code."""
    for index in range(images):
        rng = np.random.default_rng(index)
        mask = np.zeros(size, np.uint8)
        cv2.circle(mask, tuple(int(v) for v in rng.integers(8, 24, 2)), int(rng.integers(4, 8)), 255, -1)
        image = np.clip(mask[..., None] // 2 + rng.integers(0, 60, (*size, 3)), 0, 255).astype(np.uint8)
        masks = {f"masks/{name}": np.roll(mask, 3 * k) for k, name in enumerate(classes)}
        for name, array in ({"images": image} | masks).items():
            (root / name).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / name / f"cell_{index:02d}.png"), array)
    return root


@pytest.fixture
def two_threads():
    """Lets torch use two threads, for tests of results that must not depend on how threads take turns."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def small_set(tmp_path):
    return write_set(tmp_path / "inputs" / "small")


def write_config(folder, root):
    """A configuration that trains a narrow network on the data folder `root` in about a second."""
    path = folder / "small.yaml"
    path.write_text(
        f"""
task: binary
data: {{root: {root}, size: 32, val_fraction: 0.2}}
model: {{name: UNet, filters: [4, 4, 8, 8, 8]}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1e-2}}
scheduler: {{name: cosine}}
train: {{epochs: 1, batch_size: 4, precision: fp32}}
"""
    )
    return path


@pytest.fixture
def small_config(tmp_path, small_set):
    return write_config(tmp_path, small_set)


@pytest.fixture
def run_main(monkeypatch, capsys, tmp_path):
    """Calls a script's `main` with arguments, as the shell would: returns (exit code, stdout, stderr).

    The script's ROOT is a temporary folder, so that its outputs/ lies there.
    """

    def run(script, *arguments):
        monkeypatch.setattr(script, "ROOT", tmp_path, raising=False)
        monkeypatch.setattr(sys, "argv", [script.__name__, *map(str, arguments)])
        try:
            code = run_script(script.main)
        except SystemExit as exit_of_argparse:
            code = exit_of_argparse.code
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def nuclei(tmp_path):
    """The folder of a run with random weights, and without a training."""
    from support.ready_models import write_run

    return write_run(tmp_path / "outputs" / "nuclei")


@pytest.fixture
def ready(nuclei, run_main, tmp_path):
    """The ready model of `nuclei`."""
    import release

    out = tmp_path / "pretrained" / "nuclei"
    code, _, err = run_main(release, "--run", nuclei, "--out", out, "--licence", "CC0-1.0")
    assert code == 0, err
    return out
