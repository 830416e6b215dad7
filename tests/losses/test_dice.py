"""Dice: the values of the reference and of published examples, and what each option means."""

import pytest
import torch
from support.reference_inputs import binary_inputs, multiclass_inputs

from losses import BinaryDiceLoss, CategoricalDiceLoss, DiceLoss, LogDiceLoss, MultiClassDiceLoss

SQUARED = {"gamma": 2.0, "smooth": 1e-5, "smooth_in": "denominator"}


@pytest.mark.parametrize(
    ("loss", "inputs", "value"),
    [
        (BinaryDiceLoss(), binary_inputs, 0.5073608),
        (DiceLoss(**SQUARED), binary_inputs, 0.4127117),
        (DiceLoss(gamma=0.5, smooth=1e-6), binary_inputs, 0.5890215),
        (LogDiceLoss(), binary_inputs, 0.3337652),
        (MultiClassDiceLoss(), multiclass_inputs, 0.6631762),
        (MultiClassDiceLoss(per_image=False, **SQUARED), multiclass_inputs, 0.5964504),
        (CategoricalDiceLoss(weight=[0, 1, 1]), multiclass_inputs, -0.1895992),
    ],
)
def test_reference_values(loss, inputs, value):
    assert loss(*inputs()).item() == pytest.approx(value, abs=1e-6)


P = torch.tensor([[0.2, 0.5], [0.3, 0.1], [0.9, 0.6]])
Y = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
POOLED = {"activation": "none", "per_class": False, **SQUARED}


def test_worked_example_and_the_vendors_numbers_only_with_the_compatibility_option():
    assert DiceLoss(form="-D", **POOLED)(P, Y).item() == pytest.approx(-0.6140337, abs=1e-6)
    assert DiceLoss(**POOLED)(P, Y).item() == pytest.approx(1 - 0.6140337, abs=1e-6)
    assert DiceLoss(form="-D", divide_by_rows=True, **POOLED)(P, Y).item() == pytest.approx(-0.2046779, abs=1e-6)
    assert DiceLoss(divide_by_rows=True, **POOLED)(P, Y).item() == pytest.approx(0.7953221, abs=1e-6)
    vendor = MultiClassDiceLoss(per_image=False, divide_by_rows=True, **SQUARED)
    assert vendor(P, Y).item() == pytest.approx(0.7761003, abs=1e-6)
    assert DiceLoss(divide_by_rows=True, **POOLED)(Y, Y).item() == pytest.approx(2 / 3, abs=1e-5)
    assert DiceLoss(**POOLED)(Y, Y).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(("smooth", "dice", "loss"), [(1e-5, 9.9999e-06, 0.99999), (100.0, 0.990099, 0.009901)])
def test_smoothing_example(smooth, dice, loss):
    p, y = torch.zeros(1, 1, 128, 128), torch.zeros(1, 1, 128, 128)
    p[0, 0, 0, 0] = 1
    assert DiceLoss(smooth=smooth, activation="none", form="-D")(p, y).item() == pytest.approx(-dice, rel=1e-5)
    assert DiceLoss(smooth=smooth, activation="none")(p, y).item() == pytest.approx(loss, abs=1e-6)


def test_comparison_example():
    y = torch.tensor([[0.0, 0.0, 1.0, 0.0]] * 3)
    p = torch.tensor([[0.0, 0.0, 0.9, 0.0], [0.0, 0.0, 0.1, 0.0], [1.0, 1.0, 0.1, 1.0]])
    rows = DiceLoss(smooth=1e-6, gamma=2, per_image=True, per_class=False, activation="none", reduction="none")(p, y)
    torch.testing.assert_close(rows, torch.tensor([[0.0055249], [0.8019794], [0.9501245]]), atol=1e-6, rtol=0)
    plain = DiceLoss(smooth=1e-6, per_class=False, activation="none")
    assert plain(p, y).item() == pytest.approx(0.6901407, abs=1e-6)
    assert DiceLoss(smooth=0, per_class=False)(p, y).item() == pytest.approx(0.6461939, abs=1e-6)


def dice_by_hand(p, y, s=1.0):
    return (2 * (p * y).sum() + s) / (p.sum() + y.sum() + s)


def test_pooling_over_batch_and_classes():
    logits, target = multiclass_inputs()
    p, y = logits.sigmoid(), torch.nn.functional.one_hot(target, 3).movedim(3, 1).float()
    table = torch.tensor([[1 - dice_by_hand(p[n, k], y[n, k]) for k in range(3)] for n in range(2)])
    by_class = torch.tensor([1 - dice_by_hand(p[:, k], y[:, k]) for k in range(3)])
    torch.testing.assert_close(DiceLoss(per_image=True, reduction="none")(logits, y), table)
    torch.testing.assert_close(DiceLoss(reduction="none")(logits, y), by_class[None])
    torch.testing.assert_close(DiceLoss(reduction="sum")(logits, y), by_class.sum())
    torch.testing.assert_close(DiceLoss()(logits, y), by_class.mean())
    torch.testing.assert_close(DiceLoss(per_class=False)(logits, y), 1 - dice_by_hand(p, y))


def test_classes_that_count():
    logits, target = multiclass_inputs()
    losses = DiceLoss(reduction="none")(logits, target)[0]
    assert DiceLoss(include_background=False)(logits, target) == losses[1:].mean()
    assert DiceLoss(ignore_class=1)(logits, target) == losses[[0, 2]].mean()
    torch.testing.assert_close(DiceLoss(weight=[0, 1, 2])(logits, target), (losses[1] + 2 * losses[2]) / 3)
    permuted = DiceLoss(weight=[2, 0, 1])(logits[:, [2, 0, 1]], (target + 1) % 3)
    torch.testing.assert_close(permuted, DiceLoss(weight=[0, 1, 2])(logits, target))


def test_smoothing_of_each_class_and_place():
    logits, target = multiclass_inputs()
    tables = [DiceLoss(smooth=s, reduction="none")(logits, target)[0] for s in (1.0, 5.0, 9.0)]
    mixed = DiceLoss(smooth=[1.0, 5.0, 9.0], reduction="none")(logits, target)[0]
    torch.testing.assert_close(mixed, torch.stack([table[k] for k, table in enumerate(tables)]))
    empty = torch.zeros(1, 1, 4, 4)
    options = {"activation": "none", "form": "-D", "smooth": 0.5}
    values = {
        place: -DiceLoss(smooth_in=place, **options)(empty, empty) for place in ("both", "denominator", "doubled")
    }
    assert values == {"both": 1, "denominator": 0, "doubled": 2}
    p, y = torch.full((1, 1, 2), 0.5), torch.ones(1, 1, 2)
    above = -DiceLoss(smooth_in="numerator", **options)(p, y)
    assert above.item() == pytest.approx((2 * 1 + 0.5) / (1 + 2))


def gradients_of_two_images(loss):
    """2-norms of the gradients of two 96×96 images with logits 0: one an eighth foreground, one without any."""
    target = torch.zeros(2, 1, 96, 96)
    target[0, :, :12] = 1
    logits = torch.zeros_like(target, requires_grad=True)
    loss(logits, target).backward()
    return logits.grad.flatten(1).norm(dim=1).tolist()


def test_an_image_without_foreground_still_learns_by_default():
    full, empty = gradients_of_two_images(DiceLoss())
    assert empty >= 0.01 * full
    full, empty = gradients_of_two_images(DiceLoss(per_image=True))  # the negative control: what most losses do
    assert 0 < empty < 0.01 * full


def test_the_published_gradients_of_an_empty_image():
    """§3 of the reference, to the one digit that it gives."""
    assert gradients_of_two_images(DiceLoss(per_image=True, smooth=1e-5))[1] == pytest.approx(6e-12, abs=5e-13)
    assert gradients_of_two_images(DiceLoss(per_image=True, smooth=1.0))[1] == pytest.approx(6e-7, abs=5e-8)
    full, empty = gradients_of_two_images(DiceLoss())
    assert empty == pytest.approx(3e-4, abs=5e-5)
    assert full == pytest.approx(1.5e-3, rel=0.1)
    assert gradients_of_two_images(DiceLoss(per_image=True, smooth_in="denominator"))[1] == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"smooth_in": "top"}, "'top' is unknown; allowed are both, numerator, denominator, doubled"),
        ({"form": "log"}, "'log' is unknown; allowed are 1-D, -D, -logD"),
        ({"activation": "tanh"}, "'tanh' is unknown; allowed are auto, sigmoid, softmax, none"),
        ({"reduction": "max"}, "'max' is unknown; allowed are mean, sum, none"),
        ({"per_image": True, "divide_by_rows": True}, "needs sums pooled over the batch"),
        ({"per_class": False, "weight": [1, 2]}, "set per_class to true"),
        ({"per_class": False, "smooth": [1, 2]}, "set per_class to true"),
        ({"weight": [1, -2]}, r"must hold numbers from 0, and one of them above 0; got \[1.0, -2.0\]"),
        ({"weight": [0, 0]}, "one of them above 0"),
    ],
)
def test_options_that_cannot_be(options, told):
    with pytest.raises(ValueError, match=told):
        DiceLoss(**options)


def test_pixels_without_probability_add_nothing_at_any_power():
    """0^γ is 0 however small γ is; a perfect prediction of few pixels costs nothing."""
    target = torch.zeros(1, 1, 64, 64)
    target[..., :2, :2] = 1
    assert DiceLoss(gamma=0.1, activation="none")(target, target).item() == pytest.approx(0, abs=1e-6)
