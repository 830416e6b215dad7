"""The stateful Dice coefficient against the published worked example."""

import pytest
import torch

from metrics import Dice

P = torch.tensor([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]])
Y = torch.tensor([[0, 1], [1, 0], [0, 1]])


def dice_of(*pairs, **options):
    metric = Dice(**options)
    for pair in pairs:
        metric.update(*pair)
    return metric.compute()


def test_the_published_example():
    assert dice_of((P, Y)) == pytest.approx(0.6140337, abs=1e-6)
    assert dice_of((P, Y), divide_by_rows=True) == pytest.approx(0.2046779, abs=1e-6)


def test_batches_are_pooled_and_a_perfect_prediction_scores_1():
    parts = [(P[:1], Y[:1]), (P[1:], Y[1:])]
    assert dice_of(*parts) == pytest.approx(dice_of((P, Y)), abs=1e-12)
    assert dice_of(*parts, divide_by_rows=True) != pytest.approx(dice_of((P, Y), divide_by_rows=True))
    assert dice_of((Y, Y)) == pytest.approx(1, abs=1e-5)
    assert dice_of((Y, Y), divide_by_rows=True) == pytest.approx(1 / 3, abs=1e-5)  # what that option is wrong about


def test_volumes():
    torch.manual_seed(0)
    p, y = torch.rand(2, 6, 16, 24, 24), torch.rand(2, 6, 16, 24, 24) < 0.3
    assert dice_of((p, y)) == pytest.approx(dice_of((p.flatten(2), y.flatten(2))), abs=1e-12)


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match=r"must have one shape \[N, …\]; got \[3, 2\] and \[2, 2\]"):
        Dice().update(P, Y[:2])
    with pytest.raises(ValueError, match="no batch was added"):
        Dice().compute()
