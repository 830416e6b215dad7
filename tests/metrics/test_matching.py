"""Objects of two label maps: counted by hand, and against a brute-force comparison of every pair."""

import numpy as np
import pytest

from metrics import match_labels


def row(*ids):
    return np.array([ids])


def brute_force(truth, prediction, threshold):
    """Every pair of masks, compared as sets of pixels."""
    true_masks = [truth == i for i in np.unique(truth) if i]
    masks = [prediction == i for i in np.unique(prediction) if i]
    hits = sum((t & p).sum() / (t | p).sum() > threshold for t in true_masks for p in masks)
    return hits, len(masks) - hits, len(true_masks) - hits


def test_counted_by_hand():
    truth = row(1, 1, 1, 1, 0, 2, 2, 0, 3, 3)
    found = row(7, 7, 7, 0, 0, 5, 5, 5, 0, 0)
    overlap = match_labels(truth, found)
    assert overlap.true_ids.tolist() == [1, 2, 3]
    assert overlap.true_areas.tolist() == [4, 2, 2]
    assert (overlap.ids.tolist(), overlap.areas.tolist()) == ([5, 7], [3, 3])
    assert overlap.iou.tolist() == [3 / 4, 2 / 3]
    assert overlap.at(0.5) == (2, 0, 1)
    assert overlap.at(0.7) == (1, 1, 2)
    assert overlap.at(0.75) == (0, 2, 3)  # greater than, not equal


@pytest.mark.parametrize("seed", range(50))
def test_random_maps_agree_with_every_pair_compared(seed):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 6, (2, 5, 6)) * rng.integers(0, 2, (2, 1, 1) if seed % 10 == 0 else (2, 5, 6))
    truth, found = (np.kron(block, np.ones((3, 3), int)) for block in blocks)
    found = np.where(rng.random(found.shape) < 0.8, truth * (seed % 3 > 0) + 10 * (truth > 0), found)
    for threshold in (0.5, 0.65, 0.9):
        assert match_labels(truth, found).at(threshold) == brute_force(truth, found, threshold)


def test_empty_maps_and_ids_of_any_size():
    nothing, large = row(0, 0), row(0, 2**31 - 1)
    assert match_labels(nothing, nothing).at(0.5) == (0, 0, 0)
    assert match_labels(nothing, large).at(0.5) == (0, 1, 0)
    assert match_labels(large, nothing).at(0.5) == (0, 0, 1)
    assert match_labels(large.astype(np.uint32), large).at(0.9) == (1, 0, 0)
    assert match_labels(np.zeros((0, 4), int), np.zeros((0, 4), int)).at(0.5) == (0, 0, 0)


def test_void_pixels_belong_to_nobody():
    truth = row(1, 1, 9, 9, 0, 0, 0)
    void = row(0, 0, 1, 1, 1, 0, 0).astype(bool)
    assert match_labels(truth, row(1, 1, 1, 0, 0, 0, 0), void=void).at(0.9) == (1, 0, 0)  # its rest is outside
    assert match_labels(truth, row(0, 2, 2, 2, 2, 0, 0), void=void).at(0.5) == (0, 0, 1)  # by more than half in void
    assert match_labels(truth, row(0, 0, 0, 2, 2, 2, 2), void=void).at(0.5) == (0, 1, 1)  # by half: it counts
    assert match_labels(truth, row(1, 1, 1, 0, 0, 0, 0)).at(0.6) == (1, 0, 1)  # the control: without void


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        (row(0.0, 1.0), row(0, 1), "truth must be a label map of integers; got float64"),
        (row(0, 1), row(0, -1), "prediction has ids from -1 to 0"),
        (row(0, 1), row(0, 2**31), "ids are 0 to 2"),
        (row(0, 1), row(0, 1, 2), "one shape"),
    ],
)
def test_what_is_no_label_map_is_refused(truth, found, message):
    with pytest.raises(ValueError, match=message):
        match_labels(truth, found)


@pytest.mark.parametrize("threshold", [0.49, 1, 1.5])
def test_thresholds_without_unique_matches_are_refused(threshold):
    with pytest.raises(ValueError, match=r"give one from 0\.5, where matches are unique"):
        match_labels(row(1), row(1)).at(threshold)
