"""Logits → predictions: thresholds of sigmoid tasks, the argmax of softmax tasks; and the truth that is drawn."""

import numpy as np
import pytest
import torch

from system.errors import ConfigError
from tasks.binary import Binary
from tasks.distance import Distance
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel

BINARY, MULTICLASS = Binary(("cell",)), Multiclass(("background", "a", "b"))


@pytest.mark.parametrize("threshold", [0.1, 0.5, 0.9])
def test_the_threshold_is_a_probability(threshold):
    probabilities = torch.tensor([threshold - 1e-3, threshold + 1e-3], dtype=torch.float64)
    assert BINARY.decide(torch.logit(probabilities), threshold).tolist() == [False, True]


def test_exactly_one_half_is_background():
    assert BINARY.decide(torch.zeros(1)).tolist() == [False]


@pytest.mark.parametrize("threshold", [0, 1.0, 1.5, -0.1, float("nan")])
def test_a_threshold_outside_of_probabilities_is_refused(threshold):
    for use in (BINARY.checked_threshold, lambda value: BINARY.decide(torch.zeros(1, 1, 1), value)):
        with pytest.raises(ConfigError, match=f"^threshold {threshold}: give a number between 0 and 1, such as 0.5"):
            use(threshold)


def test_one_hot_of_the_largest_logit_and_of_equal_ones_the_first():
    logits = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 2.0]]).T[None]  # [1, 3, 2]: two pixels
    assert MULTICLASS.decide(logits)[0].T.tolist() == [[True, False, False], [False, True, False]]


def test_a_softmax_has_no_threshold():
    with pytest.raises(ConfigError, match="leave the threshold out"):
        MULTICLASS.decide(torch.zeros(1, 3, 1), 0.5)
    assert MULTICLASS.checked_threshold(None) is None
    assert BINARY.checked_threshold(None) == 0.5


def test_the_background_is_neither_drawn_nor_averaged():
    assert MULTICLASS.classes[MULTICLASS.drawn] == ("a", "b")
    assert BINARY.classes[BINARY.drawn] == ("cell",)
    assert MULTICLASS.counts().background
    assert not BINARY.counts().background


def test_the_foreground_of_a_target_is_what_is_drawn_as_truth():
    """Void is in no mask, and neither is the background of a softmax task."""
    masks = np.array([[[1, 0], [255, 1], [0, 255]]], np.uint8)  # [1, 3, 2]
    found = Multilabel(("a", "b")).foreground(masks)
    assert (found.tolist(), found.dtype) == ([[[1, 0], [0, 1], [0, 0]]], np.uint8)
    for task in (BINARY, Distance(("cell",))):
        assert task.foreground(masks[..., : len(task.channels)]).tolist() == [[[1], [0], [0]]]
    indices = np.array([[[0], [1], [2], [255]]], np.uint8)  # [1, 4, 1]
    found = MULTICLASS.foreground(indices)
    assert (found.tolist(), found.dtype) == ([[[0, 0], [1, 0], [0, 1], [0, 0]]], np.uint8)
