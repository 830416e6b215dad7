"""Scores against §4 of the reference, hand counts, and the independence of the batch size."""

import pytest
import torch
from reference_inputs import binary_inputs

from metrics import SegmentationCounts, dice_coef, iou_score


def scores_in_batches(prediction, target, batch_size):
    counts = SegmentationCounts()
    for start in range(0, len(prediction), batch_size):
        counts.update(prediction[start : start + batch_size], target[start : start + batch_size])
    return counts


def test_reference_values():
    logits, target = binary_inputs()
    assert iou_score(logits, target) == pytest.approx(0.3863637, abs=1e-6)
    assert dice_coef(logits, target) == pytest.approx(0.4845183, abs=1e-6)
    scores = scores_in_batches(logits > 0, target, 2).compute()
    assert 100 * scores.iou == pytest.approx(38.6363636, abs=1e-6)
    assert 100 * scores.iou_per_image == pytest.approx(38.6563307, abs=1e-6)
    assert scores.dice == pytest.approx(2 * 0.386363636 / (1 + 0.386363636), abs=1e-8)


def test_hand_count_of_two_classes():
    prediction = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 0]]]).bool()[..., None]
    target = torch.tensor([[[1, 0, 1, 0], [1, 1, 1, 1]]])[..., None]
    counts = scores_in_batches(prediction, target, 1)
    assert counts.per_image().tolist() == [[[1, 1, 1], [1, 0, 3]]]  # TP, FP, FN
    scores = counts.compute()
    assert scores.iou == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert scores.dice == pytest.approx((2 / 4 + 2 / 5) / 2)


def test_batch_size_does_not_matter_but_averaging_batches_does():
    torch.manual_seed(0)
    target = torch.rand(7, 1, 6, 6) < torch.linspace(0.05, 0.9, 7)[:, None, None, None]
    prediction = target ^ (torch.rand(7, 1, 6, 6) < 0.2)
    scores = [scores_in_batches(prediction, target, size).compute() for size in (1, 2, 3, 7)]
    assert all(score == scores[0] for score in scores)
    averages = []  # the negative control: what a mean of batch values would say
    for size in (2, 3):
        values = [
            iou_score(2.0 * p - 1, t) for p, t in zip(prediction.split(size), target.float().split(size), strict=True)
        ]
        averages.append(sum(values) / len(values))
    assert abs(averages[0] - averages[1]) > 1e-3


def test_empty_images():
    nothing, something = torch.zeros(1, 1, 2, 2, dtype=torch.bool), torch.ones(1, 1, 2, 2, dtype=torch.bool)
    assert scores_in_batches(nothing, nothing, 1).compute().iou_per_image == 1
    assert scores_in_batches(nothing, something, 1).compute().iou_per_image == 0
    assert scores_in_batches(something, nothing, 1).compute().dice_per_image == 0
    both = scores_in_batches(torch.cat([nothing, something]), torch.cat([nothing, something]), 2)
    assert both.table() == [{"iou": 1.0, "dice": 1.0}] * 2


def test_table_has_one_row_per_image():
    logits, target = binary_inputs()
    rows = scores_in_batches(logits > 0, target, 1).table()
    mean = sum(row["iou"] for row in rows) / 2
    assert 100 * mean == pytest.approx(38.6563307, abs=1e-6)


def test_wrong_use_is_refused():
    counts = SegmentationCounts()
    with pytest.raises(ValueError, match="no batch was added"):
        counts.compute()
    with pytest.raises(ValueError, match="a bool prediction"):
        counts.update(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    with pytest.raises(ValueError, match="one shape"):
        counts.update(torch.zeros(1, 1, 2, 2).bool(), torch.zeros(1, 2, 2))
