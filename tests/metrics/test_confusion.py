"""The confusion matrix: a hand count, and its agreement with the counts of each class."""

import pytest
import torch
from support.reference_inputs import multiclass_inputs

from metrics import ConfusionMatrix, SegmentationCounts


def one_hot(indices, classes=3):
    return torch.stack([indices == k for k in range(classes)], dim=1)


def test_hand_count():
    matrix = ConfusionMatrix(3)
    matrix.update(one_hot(torch.tensor([[0, 1, 1, 2, 0]])), torch.tensor([[0, 1, 2, 2, 255]]))
    matrix.update(one_hot(torch.tensor([[1, 1]])), torch.tensor([[0, 0]]))
    assert matrix.counts.tolist() == [[1, 2, 0], [0, 1, 0], [0, 1, 1]]  # rows true, columns predicted
    assert matrix.compute().tolist() == [[pytest.approx(1 / 3), pytest.approx(2 / 3), 0], [0, 1, 0], [0, 0.5, 0.5]]


def test_it_agrees_with_the_counts_of_each_class():
    logits, target = multiclass_inputs()
    matrix, counts = ConfusionMatrix(3), SegmentationCounts()
    for one in (matrix, counts):
        one.update(one_hot(logits.argmax(1)), target)
    hits, predicted, true = matrix.counts.diag(), matrix.counts.sum(0), matrix.counts.sum(1)
    assert true.tolist() == [51, 51, 26]
    assert counts.per_image().sum(0).equal(torch.stack([hits, predicted - hits, true - hits], dim=1))


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="3 channels, but 2 classes"):
        ConfusionMatrix(2).update(torch.zeros(1, 3, 4).bool(), torch.zeros(1, 4).long())
    with pytest.raises(ValueError, match="a bool prediction"):
        ConfusionMatrix(3).update(torch.zeros(1, 3, 4), torch.zeros(1, 4).long())
