"""Tversky: what its prices stand for, and its neighbours in the family."""

import pytest
import torch
from support.reference_inputs import binary_inputs, multiclass_inputs

from losses import DiceLoss, FocalTverskyLoss, TverskyLoss


@pytest.mark.parametrize("inputs", [binary_inputs, multiclass_inputs])
@pytest.mark.parametrize("per_image", [False, True])
def test_equal_prices_of_one_half_are_dice_with_twice_the_smoothing(inputs, per_image):
    tversky = TverskyLoss(alpha=0.5, beta=0.5, smooth=1.0, per_image=per_image)
    torch.testing.assert_close(tversky(*inputs()), DiceLoss(smooth=2.0, per_image=per_image)(*inputs()))


def test_counts_by_hand():
    """Probabilities of 0 and 1: TP 2, FP 3, FN 1."""
    p = torch.tensor([[[1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]]])
    y = torch.tensor([[[1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]]])
    loss = TverskyLoss(alpha=0.3, beta=0.7, smooth=0.5, activation="none")
    expected = 1 - (2 + 0.5) / (2 + 0.3 * 3 + 0.7 * 1 + 0.5)
    assert loss(p, y).item() == pytest.approx(expected, abs=1e-6)
    assert TverskyLoss(alpha=1, beta=1, smooth=0, activation="none")(p, y).item() == pytest.approx(1 - 2 / 6)
    focal = FocalTverskyLoss(alpha=0.3, beta=0.7, smooth=0.5, activation="none")
    assert focal(p, y).item() == pytest.approx(expected**0.75, abs=1e-6)


def test_a_perfect_prediction_has_a_finite_gradient_in_spite_of_the_power():
    _, target = binary_inputs()
    p = target.clone().requires_grad_()
    FocalTverskyLoss(activation="none")(p, target).backward()
    assert torch.isfinite(p.grad).all()
