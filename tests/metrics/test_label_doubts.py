"""Doubts about labels: planted errors come out on top, each with its kind."""

import cv2
import numpy as np
import pytest

from metrics import KINDS, label_doubts
from tasks.distance_maps import distance_map


def discs(*centres, radius=9, size=(80, 120)):
    labels = np.zeros(size, np.int32)
    for number, centre in enumerate(centres, start=1):
        cv2.circle(labels, centre, radius, number, -1)
    return labels


TRUE = discs((20, 20), (50, 20), (80, 20), (20, 55), (37, 55), (80, 55))  # the fourth and the fifth touch


def doubts_of(labels, prediction=TRUE, sure=0.95):
    foreground = np.where(prediction > 0, sure, 1 - sure).astype(np.float32)
    return label_doubts(labels, prediction, foreground=foreground, depth=distance_map(prediction))


def without(number):
    return np.where(number == TRUE, 0, TRUE)


def test_labels_that_agree_are_not_doubted():
    doubts = doubts_of(TRUE)
    assert [doubt.kind for doubt in doubts] == ["shifted"] * 6
    assert all(doubt.score == pytest.approx(1 - 0.95**3, abs=1e-6) for doubt in doubts)
    assert sorted(doubt.labels for doubt in doubts) == [(number,) for number in range(1, 7)]


def planted():
    """Kind → (labels with one error, the ids that are concerned)."""
    shifted = without(6)
    shifted[np.roll(TRUE == 6, 5, axis=1)] = 6
    extra = TRUE.copy()
    cv2.circle(extra, (105, 65), 7, 9, -1)
    split = TRUE.copy()
    split[:20][TRUE[:20] == 1] = 8
    return {
        "missing": (without(2), ()),
        "extra": (extra, (9,)),
        "merged": (np.where(TRUE == 5, 4, TRUE), (4,)),
        "split": (split, (1, 8)),
        "shifted": (shifted, (6,)),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_error_comes_out_on_top(kind):
    labels, ids = planted()[kind]
    first, *others = doubts_of(labels)
    assert (first.kind, first.labels) == (kind, ids)
    assert first.score > 0.4
    assert all(doubt.score < 0.2 for doubt in others)
    top, left, bottom, right = first.box
    wrong = np.argwhere((labels > 0) != (TRUE > 0)) if kind in ("missing", "extra") else np.argwhere(labels == ids[0])
    assert (top <= wrong[:, 0].min(), left <= wrong[:, 1].min()) == (True, True)
    assert (bottom > wrong[:, 0].max(), right > wrong[:, 1].max()) == (True, True)


@pytest.mark.parametrize("kind", ["missing", "extra"])
def test_what_the_models_are_not_sure_of_is_doubted_less(kind):
    labels, _ = planted()[kind]
    assert doubts_of(labels, sure=0.6)[0].score < doubts_of(labels)[0].score - 0.1


@pytest.mark.parametrize("empty", ["labels", "prediction", "both"])
def test_empty_maps(empty):
    nothing = np.zeros_like(TRUE)
    labels, prediction = nothing if empty != "prediction" else TRUE, nothing if empty != "labels" else TRUE
    doubts = doubts_of(labels, prediction)
    kinds = {"labels": ["missing"] * 6, "prediction": ["extra"] * 6, "both": []}
    assert [doubt.kind for doubt in doubts] == kinds[empty]


def test_a_small_label_inside_of_another_cell_is_no_contradiction_of_outlines():
    """Pixels of the prediction that belong to another label do not count against a label."""
    labels = TRUE.copy()
    labels[17:24, 17:24] = 7
    doubts = doubts_of(labels)
    assert doubts[0].labels == (1, 7)
    assert doubts[0].kind == "split"


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"one shape; got \[\[80, 120\], \[80, 120\], \[2, 2\], \[80, 120\]\]"):
        label_doubts(TRUE, TRUE, foreground=np.zeros((2, 2)), depth=np.zeros(TRUE.shape))
