"""Scores of objects: counted by hand, and against definitions written out pair by pair."""

import itertools

import numpy as np
import pytest

from metrics import InstanceCounts, match_labels
from metrics.instances import THRESHOLDS, aji_plus_terms, aji_terms


def row(*ids):
    return np.array([ids])


def scores_of(*pairs):
    counts = InstanceCounts()
    for truth, prediction in pairs:
        counts.update(truth, prediction)
    return counts.compute()


def test_one_image_by_hand():
    truth = row(1, 1, 1, 1, 0, 2, 2, 0, 3, 3)
    found = row(7, 7, 7, 0, 0, 5, 5, 5, 0, 0)  # IoU 3/4 with 1, 2/3 with 2
    scores = scores_of((truth, found))
    assert scores["ap_50"] == pytest.approx(2 / 3)
    assert scores["ap_70"] == pytest.approx(1 / 4)
    assert scores["ap_75"] == 0
    assert scores["ap"] == pytest.approx((4 * 2 / 3 + 1 / 4) / 10)  # .50, .55, .60 and .65 have both, .70 has one
    assert (scores["precision_50"], scores["recall_50"]) == (1, pytest.approx(2 / 3))
    assert scores["f1_50"] == scores["dq"] == pytest.approx(4 / 5)
    assert scores["sq"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert scores["pq"] == pytest.approx((3 / 4 + 2 / 3) / (2 + 0.5))
    assert scores["aji"] == scores["aji_plus"] == pytest.approx((3 + 2) / (4 + 3 + 2))
    assert (scores["count_error"], scores["count_bias"]) == (pytest.approx(1 / 3), pytest.approx(-1 / 3))


def test_images_without_objects():
    nothing, one = row(0, 0), row(0, 4)
    assert scores_of((nothing, nothing))["ap_50"] == scores_of((nothing, nothing))["pq"] == 1
    assert scores_of((nothing, nothing))["count_error"] == 0
    for pair in ((nothing, one), (one, nothing)):
        scores = scores_of(pair)
        assert (scores["ap_50"], scores["f1_50"], scores["pq"], scores["aji"], scores["bowl"]) == (0, 0, 0, 0, 0)
        assert scores["count_error"] == 1


def test_pooled_and_per_image_are_two_numbers():
    many = np.kron(np.arange(1, 10).reshape(3, 3), np.ones((2, 2), int))
    scores = scores_of((many, many), (row(1), row(0)))
    assert scores["ap_50"] == pytest.approx(9 / 10)
    assert scores["ap_50_per_image"] == scores["bowl"] == pytest.approx(1 / 2)


def test_a_partner_that_two_may_take_and_one_may_not():
    """Two true objects below one predicted: AJI lets both take it, AJI+ does not."""
    overlap = match_labels(row(1, 1, 2), row(5, 5, 5))
    assert aji_terms(overlap) == (3, 3 + 3)
    assert aji_plus_terms(overlap) == (2, 3 + 1)


def written_out(truth, prediction):
    """AJI and AJI+ as their papers have them, over all pairs and all assignments."""
    true_masks = [truth == i for i in np.unique(truth) if i]
    masks = [prediction == i for i in np.unique(prediction) if i]
    iou = np.array([[(t & p).sum() / (t | p).sum() for p in masks] for t in true_masks]).reshape(len(true_masks), -1)

    def ratio(partners):
        inter = sum((true_masks[t] & masks[p]).sum() for t, p in partners)
        union = sum((true_masks[t] | masks[p]).sum() for t, p in partners)
        union += sum(true_masks[t].sum() for t in set(range(len(true_masks))) - {t for t, _ in partners})
        return inter, union + sum(masks[p].sum() for p in set(range(len(masks))) - {p for _, p in partners})

    best = [(t, int(iou[t].argmax())) for t in range(len(true_masks)) if masks and iou[t].max() > 0]
    size = max(len(true_masks), len(masks))
    padded = np.zeros((size, size))
    padded[: iou.shape[0], : iou.shape[1]] = iou
    orders = itertools.permutations(range(size))
    chosen = max(orders, key=lambda order: sum(padded[t, p] for t, p in enumerate(order)))
    return ratio(best), ratio([(t, p) for t, p in enumerate(chosen) if padded[t, p] > 0])


@pytest.mark.parametrize("seed", range(30))
def test_aggregated_indices_agree_with_their_definitions(seed):
    rng = np.random.default_rng(seed)
    truth, found = (np.kron(rng.integers(0, 5, (4, 4)), np.ones((3, 3), int)) for _ in range(2))
    truth, found = truth[:, :10], np.roll(found, 1, axis=1)[:, :10]
    overlap = match_labels(truth, found)
    aji, aji_plus = written_out(truth, found)
    assert aji_terms(overlap) == aji
    ours = aji_plus_terms(overlap)
    assert ours[0] / ours[1] == pytest.approx(aji_plus[0] / aji_plus[1])


def test_recall_by_area():
    truth = row(1, 2, 2, 2, 0, 3, 3)
    counts = InstanceCounts()
    counts.update(truth, row(0, 2, 2, 2, 0, 3, 0))
    assert counts.recall_by_area([2, 3]) == {"< 2": (1, 0.0), "2 – 3": (1, 0.0), "≥ 3": (1, 1.0)}


def test_nothing_to_score():
    with pytest.raises(ValueError, match="no image was added"):
        InstanceCounts().compute()


def test_the_thresholds_are_those_of_the_bowl():
    assert THRESHOLDS == (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
