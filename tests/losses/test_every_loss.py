"""Properties of all losses, for every task that they are for."""

import pytest
import torch
from support.losses_cases import CASES, perfect_logits, random_pair

from losses import LOSSES, CategoricalDiceLoss, build_loss

NOT_ZERO_AT_BEST = {"CategoricalDiceLoss"}  # of the form −D; see docs/losses.md


def test_every_loss_has_a_case():
    assert {type(case.values[0]).__name__ for case in CASES} == set(LOSSES)
    assert len(CASES) >= 25


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_the_gradient_is_the_derivative(loss, task):
    logits, target = random_pair(task)
    assert torch.autograd.gradcheck(loss, (logits.requires_grad_(), target))


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_it_is_a_scalar_that_knows_no_order(loss, task):
    logits, target = random_pair(task)
    value = loss(logits, target)
    assert value.shape == ()
    assert value.dtype == torch.float64
    torch.testing.assert_close(loss(logits.flip(0), target.flip(0)), value)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    pixels = logits.flatten(2)[:, :, order], target.flatten(-2)[..., order]
    torch.testing.assert_close(loss(*pixels), value)


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_a_perfect_prediction_costs_nothing_and_a_wrong_one_much(loss, task):
    _, target = random_pair(task, dtype=torch.float32)
    target[0] = 0  # an image of background alone is predicted perfectly too
    perfect = perfect_logits(target, task).requires_grad_()
    value = loss(perfect, target)
    value.backward()
    assert torch.isfinite(perfect.grad).all()
    wrong = loss(-perfect, target).item()
    if type(loss).__name__ in NOT_ZERO_AT_BEST:
        assert value < wrong
    else:
        assert value.item() == pytest.approx(0, abs=1e-6)
        assert wrong > 0.1


def test_the_best_of_categorical_dice_is_minus_one():
    _, target = random_pair("multiclass", dtype=torch.float32)
    assert CategoricalDiceLoss()(perfect_logits(target, "multiclass"), target).item() == pytest.approx(-1, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(("loss", "task"), CASES)
def test_half_precision_is_computed_in_float32(loss, task, dtype):
    """32×32, with logits to the ends of float16: sums over pixels would overflow or stall in half precision."""
    logits, target = random_pair(task, (2, 1 if task == "binary" else 3, 32, 32), dtype=torch.float32)
    logits[0, :, 0] = 6e4
    logits[0, :, 1] = -6e4
    half = logits.to(dtype).requires_grad_()
    value = loss(half, target)
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.dtype == dtype
    assert torch.isfinite(half.grad).all()
    assert half.grad.abs().max() > 0
    torch.testing.assert_close(value, loss(half.detach().float(), target))


def test_dice_with_a_power_has_a_finite_gradient_where_probabilities_underflow():
    logits = torch.tensor([[[-6e4, 6e4, -200.0, 0.5]]], requires_grad=True)
    build_loss("DiceLoss", gamma=0.5)(logits, torch.tensor([[[0.0, 1.0, 1.0, 0.0]]])).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_volumes_are_images_with_another_axis(loss, task):
    """[2, K, 16, 24, 24] as a volume, as an image of 16 rows, and as a line of pixels."""
    logits, target = random_pair(task, (2, 1 if task == "binary" else 6, 16, 24, 24), dtype=torch.float32)
    value = loss(logits, target)
    torch.testing.assert_close(loss(logits.flatten(3), target.flatten(-2)), value)
    torch.testing.assert_close(loss(logits.flatten(2), target.flatten(-3)), value)


@pytest.mark.parametrize(("loss", "task"), CASES)
def test_without_space_axes_a_row_is_a_pixel(loss, task):
    logits, target = random_pair(task, (4, 1 if task == "binary" else 3))
    assert torch.isfinite(loss(logits, target))


@pytest.mark.parametrize("share", ["one", "all"])
@pytest.mark.parametrize(("loss", "task"), CASES)
def test_logits_that_are_no_number_are_not_hidden(loss, task, share):
    logits, target = random_pair(task, dtype=torch.float32)
    if share == "one":
        logits[0, 0, 2, 3] = float("nan")
    else:
        logits.fill_(float("nan"))
    assert not torch.isfinite(loss(logits, target))


VOID = [case for case in CASES if hasattr(case.values[0], "ignore_index")]


@pytest.mark.parametrize(("loss", "task"), VOID)
def test_void_pixels_take_no_part(loss, task):
    """Two void rows: the loss is that of the other rows, and what the void pixels' logits say changes nothing."""
    loss = build_loss(type(loss).__name__, ignore_index=255)
    logits, target = random_pair(task)
    target[..., :2, :] = 255
    logits.requires_grad_()
    value = loss(logits, target)
    value.backward()
    assert (logits.grad[:, :, :2] == 0).all()
    assert (logits.grad[:, :, 2:] != 0).any()
    torch.testing.assert_close(value, loss(logits[:, :, 2:], target[..., 2:, :]))
    changed = logits.detach().clone()
    changed[:, :, :2] = 7
    torch.testing.assert_close(loss(changed, target), value)


@pytest.mark.parametrize(("loss", "task"), VOID)
def test_void_alone_has_no_gradient(loss, task):
    loss = build_loss(type(loss).__name__, ignore_index=255)
    logits, target = random_pair(task)
    value = loss(logits.requires_grad_(), torch.full_like(target, 255))
    value.backward()
    assert torch.isfinite(value)
    assert (logits.grad == 0).all()
    if type(loss).__name__ not in NOT_ZERO_AT_BEST:
        assert value.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", ["BCEWithLogitsLoss", "FocalLoss", "DiceLoss", "TverskyLoss"])
def test_numbers_per_class_that_scoring_asked_for_first_serve_training(name):
    """They are kept; made in inference mode they would be of no use to a gradient."""
    logits, target = random_pair("multilabel", (2, 3, 4, 4), dtype=torch.float64)
    weight = [0.1, 0.2, 0.3 + len(name)]  # of no other test
    loss = build_loss(name, weight=weight)
    with torch.inference_mode():
        value = loss(logits, target)
    logits.requires_grad_()
    trained = loss(logits, target)
    trained.backward()
    assert trained.item() == value.item()
    assert logits.grad.abs().max() > 0
