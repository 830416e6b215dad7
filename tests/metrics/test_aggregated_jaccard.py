"""AJI and AJI+: counted by hand, and against definitions written out over all assignments."""

import itertools

import numpy as np
import pytest

from metrics import match_labels
from metrics.aggregated_jaccard import aji_plus_terms, aji_terms


def row(*ids):
    return np.array([ids])


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


def test_the_largest_total_may_give_up_the_largest_iou():
    """1 and 5 have IoU 10/18 = .56, but 1 with 6 and 2 with 5 have 4/14 + 4/14 = .57 together."""
    overlap = match_labels(row(*[1] * 14, *[2] * 4), row(*[6] * 4, *[5] * 14))
    assert overlap.iou.tolist() == [10 / 18, 4 / 14, 4 / 14]
    assert aji_plus_terms(overlap) == (4 + 4, 14 + 14)
    assert aji_terms(overlap) == (10 + 4, 18 + 14 + 4)  # both take 5, and nobody takes 6


@pytest.mark.parametrize(
    ("truth", "found", "union"), [(row(0), row(0), 0), (row(0), row(2), 1), (row(1, 0), row(0, 2), 2)]
)
def test_objects_without_partners(truth, found, union):
    overlap = match_labels(truth, found)
    assert aji_terms(overlap) == aji_plus_terms(overlap) == (0, union)
