"""Void has one value: images write it, losses are given it, metrics leave it out, and one file states it."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from support.config_files import GOOD, load

from engine.schema.loss_arguments import loss_arguments
from images.class_maps import class_indices
from metrics import SegmentationCounts
from system.void import VOID

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("datasets", "engine", "images", "inference", "losses", "metrics", "models", "system", "tasks")


STATEMENT = re.compile(r"(?i)\b\w*(?:void|ignore)\w*(?:: [\w |]+)?\s*=\s*255\b")  # of a name, an argument or a default


def test_one_file_states_it():
    files = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    assert len(files) >= 90
    found = {path.relative_to(ROOT).as_posix(): STATEMENT.findall(path.read_text(encoding="utf-8")) for path in files}
    assert [name for name, statements in found.items() if statements] == ["system/void.py"]


@pytest.mark.parametrize(
    "source", ["IGNORE_INDEX = 255", "def f(*, void: int | None = 255): ...", "f(ignore_index=255)"]
)
def test_a_second_statement_is_seen(source):
    assert STATEMENT.search(source)
    assert not STATEMENT.search(source.replace("255", "VOID"))


def test_images_losses_and_metrics_mean_the_same_pixels(tmp_path):
    target = class_indices(np.array([[0, 9, 1]]), [0, 1], void=9)
    loss = load(tmp_path, GOOD, "task=multiclass", "loss={name: CrossEntropyLoss}").loss
    counts = SegmentationCounts()
    prediction = torch.tensor([[[[True, True, True]], [[False, False, False]]]])
    counts.update(prediction, torch.from_numpy(target)[None].long())
    assert target.tolist() == [[0, 255, 1]]
    assert loss_arguments(loss, void=True)["ignore_index"] == VOID == 255
    assert counts.per_image().tolist() == [[[1, 1, 0], [0, 0, 1]]]  # TP, FP, FN: the void pixel is in none
