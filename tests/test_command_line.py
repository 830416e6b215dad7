"""The scripts as a user runs them: in processes of their own, in a copy of the tree."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "assemble",
    "configs",
    "datasets",
    "engine",
    "images",
    "inference",
    "losses",
    "metrics",
    "models",
    "report",
    "system",
    "tasks",
)


@pytest.fixture
def tree(tmp_path):
    """A copy of the project without data and runs."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / "tree" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("train.py", "val.py", "predict.py", "release.py", "saved_run.py"):
        shutil.copy(ROOT / name, tmp_path / "tree")
    return tmp_path / "tree"


def run(folder, *arguments):
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


@pytest.mark.slow
def test_train_and_val_from_another_working_directory(tree, tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    made = run(tree, "-m", "datasets.prepare.synthetic", "--out", "inputs/demo", "--images", "10", "--size", "32")
    assert made.returncode == 0, made.stderr
    changes = ["train.epochs=1", "model.filters=[4, 4, 8]", "data.size=32", "train.workers=2"]
    trained = run(away, tree / "train.py", "--config", tree / "configs" / "demo.yaml", *changes)
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr == ""  # no progress bar where there is no terminal
    scored = run(away, tree / "val.py", "--run", tree / "outputs" / "demo")
    assert scored.returncode == 0, scored.stderr
    assert len(list((tree / "outputs" / "demo" / "val" / "masks" / "nucleus").glob("*.png"))) == 2
    assert list(away.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT as a terminal does")
def test_ctrl_c_ends_a_run_cleanly(tree):
    run(tree, "-m", "datasets.prepare.synthetic", "--out", "inputs/demo", "--images", "10", "--size", "32")
    changes = ["train.epochs=500", "model.filters=[4, 4, 8]", "data.size=32", "train.workers=2"]
    command = [sys.executable, "train.py", "--config", "configs/demo.yaml", *changes]
    # A group of its own, so that the signal reaches the workers too, as it does from a terminal.
    process = subprocess.Popen(
        command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        for line in process.stdout:
            if line.startswith("epoch   2"):
                os.killpg(process.pid, signal.SIGINT)
                signalled = time.perf_counter()
                break
        _, err = process.communicate(timeout=60)
        ended = time.perf_counter()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert ended - signalled < 3  # a step, the save, and no taking apart of torch, which alone takes over a second
    assert process.returncode == 130
    assert re.fullmatch(r"stopped by SIGINT after .*; saved in .*outputs/demo, --resume goes on\n", err)
    log = (tree / "outputs" / "demo" / "log.csv").read_text().splitlines()
    assert len(log) >= 3
    state = torch.load(tree / "outputs" / "demo" / "last.pth", weights_only=True)
    assert state["epoch"] == len(log) - 1


@pytest.mark.slow
def test_the_demo_set_is_drawn_when_it_is_absent(tree):
    trained = run(tree, "train.py", "--config", "configs/demo.yaml", "train.epochs=1", "model.filters=[2, 2]")
    assert trained.returncode == 0, trained.stderr
    assert "draw    the built-in data set" in trained.stdout
    assert len(list((tree / "inputs" / "demo" / "images").iterdir())) == 80


@pytest.mark.parametrize("script", ["train.py", "val.py", "predict.py", "release.py"])
def test_help_loads_nothing_heavy(tree, script):
    started = time.perf_counter()
    helped = run(tree, "-X", "importtime", script, "--help")
    assert helped.returncode == 0
    assert "--debug" in helped.stdout
    loaded = {line.rsplit("|", 1)[1].strip() for line in helped.stderr.splitlines() if "|" in line}
    assert "argparse" in loaded  # the control: the list is really there
    assert not loaded & {"torch", "numpy", "cv2", "pandas", "sklearn", "albumentations", "matplotlib", "tqdm"}
    assert time.perf_counter() - started < 10
