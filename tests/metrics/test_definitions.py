"""Every score has a definition, and nothing else has one."""

import re

import numpy as np
import pytest
import torch

from metrics import InstanceCounts, SegmentationCounts
from metrics.definitions import AT_THRESHOLD, OBJECTS, PIXELS, definitions


def scores_of(classes):
    counts = SegmentationCounts(classes)
    counts.update(torch.ones(1, len(classes), 4, 4, dtype=torch.bool), torch.ones(1, len(classes), 4, 4))
    return list(counts.compute().columns())


def scores_of_cells():
    counts = InstanceCounts()
    counts.update(np.ones((4, 4), np.int32), np.ones((4, 4), np.int32))
    return list(counts.compute())


@pytest.mark.parametrize("classes", [("cell",), ("background", "cell", "nucleus"), ("iou", "dice_iou", "ap_50")])
def test_every_score_is_defined_by_whole_sentences(classes):
    names = scores_of(classes) + scores_of_cells()
    found = definitions(names, classes)
    assert list(found) == names
    for text in found.values():
        assert re.fullmatch(r"[A-Z|(].*\.", text), text
        assert "{" not in text
    bases = {re.sub(r"_\d+$", "", name) for name in names if name not in OBJECTS}
    assert set(PIXELS) | set(AT_THRESHOLD) <= bases  # no definition is left over
    assert set(OBJECTS) <= set(names)


def test_thresholds_classes_and_means():
    names = ["iou", "iou_nucleus", "ap_50", "f1_95", "recall_50"]
    found = definitions(names, ("background", "nucleus"), background=True)
    assert "TP / (TP + FP + FN)" in found["iou"]
    assert found["iou"].endswith("the mean over the classes, without the background.")
    assert definitions(["iou"], ("a", "b"))["iou"].endswith("the mean over the classes.")
    assert found["iou_nucleus"].endswith("Only the class nucleus counts.")
    assert "above 0.5;" in found["ap_50"]
    assert "above 0.95;" in found["f1_95"]
    assert "mean over the classes" not in definitions(["iou"], ("nucleus",))["iou"]


@pytest.mark.parametrize("name", ["", "iou_other", "ap_", "ap_x", "loss", "aji_50"])
def test_other_names_have_none(name):
    with pytest.raises(KeyError):
        definitions([name], ("cell",))
