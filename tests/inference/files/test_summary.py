"""The content of summary.json, counted by hand."""

import numpy as np
import torch

from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import decoding_by
from inference.files.summary import summary_of
from metrics import InstanceCounts, SegmentationCounts

ORIGIN = {"run": "outputs/x", "threshold": 0.5}


def pixel_counts():
    """Two images of 2×2 pixels and two classes."""
    counts = SegmentationCounts(("a", "b"))
    prediction = torch.tensor([[[[1, 1], [0, 0]], [[0, 0], [0, 0]]], [[[1, 0], [0, 0]], [[1, 1], [1, 1]]]]).bool()
    target = torch.tensor([[[[1, 0], [1, 1]], [[0, 0], [0, 1]]], [[[0, 0], [0, 0]], [[1, 1], [255, 0]]]]).float()
    counts.update(prediction, target)
    return counts


def test_pixels_are_counted_without_void():
    found = summary_of(ORIGIN, pixel_counts(), None, part="val", decoding=None)
    assert found["counts"] == {
        "pixels": {
            "a": {"true_positive": 1, "false_positive": 2, "false_negative": 2},
            "b": {"true_positive": 2, "false_positive": 1, "false_negative": 1},
        }
    }
    assert found["iou"] == (1 / 5 + 2 / 4) / 2
    assert list(found)[:3] == ["run", "threshold", "iou"]
    assert list(found)[-2:] == ["counts", "definitions"]
    assert list(found["definitions"]) == list(found)[2:-2]


def test_cells_are_counted_at_an_iou_above_a_half():
    truth, prediction = np.zeros((2, 4, 8), np.int32)
    truth[:, 0:2], truth[:, 3:5], truth[:, 6:8] = 1, 2, 3
    prediction[:, 0:2], prediction[:1, 3:5], prediction[2:, 6] = 1, 2, 3  # IoU 1, 1/4 and 1/4
    prediction[3, 3] = 4  # and one more
    objects = InstanceCounts()
    objects.update(truth, prediction)
    decoding = ChosenDecoding(decoding_by("distance"), tuned_on="val", epoch=1)
    for part, tuned_here in (("val", True), ("train", False), ("all", True)):
        found = summary_of(ORIGIN, pixel_counts(), objects, part=part, decoding=decoding)
        assert found["tuned_on_these_images"] is tuned_here
    assert found["counts"]["objects"] == {"true_positive": 1, "false_positive": 3, "false_negative": 2}
    assert found["ap_50"] == 1 / 6
    assert (found["true_objects"], found["predicted_objects"]) == (3, 4)
    assert {"ap_50", "aji", "iou_a"} <= found["definitions"].keys()
    assert not {"decode", "run", "threshold"} & found["definitions"].keys()
