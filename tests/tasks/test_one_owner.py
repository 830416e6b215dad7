"""A task's name is compared in tasks/ and nowhere else, and a new task needs one line of the table."""

import ast
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import write_set

import predict
import train
import val
from saved_run import load_run
from tasks import TASKS, TaskEntry
from tasks.binary import Binary

ROOT = Path(__file__).resolve().parents[2]
NAMES = set(TASKS)


def comparisons(source):
    """The lines in which Python source compares something with the name of a task."""
    for node in ast.walk(ast.parse(source)):
        compared = []
        if isinstance(node, ast.Compare):
            compared = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            compared = [node.value]
        values = [part for one in compared for part in getattr(one, "elts", [one])]
        if any(isinstance(value, ast.Constant) and value.value in NAMES for value in values):
            yield node.lineno if hasattr(node, "lineno") else node.value.lineno


def test_no_other_file_compares_the_name_of_a_task():
    files = [path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("tasks", "tests")]
    files = [path for path in files if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]
    assert len(files) >= 100
    found = {str(path.relative_to(ROOT)): list(comparisons(path.read_text(encoding="utf-8"))) for path in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "if task == 'multiclass': pass",
        "x = 'border' != target",
        "x = task in ('binary', 'multilabel')",
        "match task:\n    case 'binary': pass",
    ],
)
def test_a_comparison_is_seen(source):
    assert list(comparisons(source))


class Eroded(Binary):
    """The foreground without its outermost pixels."""

    def encode(self, truth, *, magnification=1.0):
        return cv2.erode(super().encode(truth), np.ones((3, 3), np.uint8)).reshape(truth.shape)


def test_a_new_task_is_a_class_and_a_line_of_the_table(monkeypatch, run_main, small_config, tmp_path):
    root = write_set(tmp_path / "inputs" / "cells")
    words = ["--config", small_config, f"data.root={root}", "task=eroded"]
    code, _, err = run_main(train, *words)
    assert code == 2
    assert "task (command line): got 'eroded'" in err  # the control: without the line it is unknown
    monkeypatch.setitem(TASKS, "eroded", TaskEntry("mask", Eroded))

    code, out, err = run_main(train, *words, "train.epochs=2")
    assert code == 0, err
    share = np.mean([cv2.imread(str(path), 0) > 0 for path in (root / "masks" / "nucleus").iterdir()])
    eroded = float(out.split("foreground: nucleus ")[1].split("%")[0]) / 100
    assert 0 < eroded < 0.9 * share
    code, out, err = run_main(train, *words, "train.epochs=3", "--resume")
    assert (code, "epochs  2 → 3" in out) == (0, True), err

    run = tmp_path / "outputs" / "small"
    assert run_main(val, "--run", run)[0] == 0
    assert len(list((run / "val" / "masks" / "nucleus").iterdir())) == 2
    code, _, err = run_main(predict, "--run", run, "--input", root / "images", "--out", tmp_path / "out")
    assert code == 0, err
    assert len(list((tmp_path / "out" / "masks" / "nucleus").iterdir())) == 10
    predictor = load_run(run)
    assert isinstance(predictor.task, Eroded)
    assert list(predictor(np.zeros((32, 32, 3), np.uint8))) == ["nucleus"]
    assert torch.load(run / "best.pth", weights_only=True)["config"]["task"] == "eroded"


def test_a_loss_that_does_not_fit_a_new_task_is_refused(monkeypatch, run_main, small_config):
    monkeypatch.setitem(TASKS, "eroded", TaskEntry("mask", Eroded))
    words = ["--config", small_config, "task=eroded", "loss={name: CrossEntropyLoss}"]
    code, _, err = run_main(train, *words)
    assert (code, "loss CrossEntropyLoss is for task multiclass" in err) == (2, True), err
