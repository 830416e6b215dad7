"""Values and gradients of §3 of the reference, and properties that hold for any input."""

import pytest
import torch
from reference_inputs import binary_inputs

from losses import LOSSES, BCEDiceLoss, BCEWithLogitsLoss, DeepSupervisionLoss, LovaszHingeLoss, build_loss


def loss_and_gradient(loss, logits, target):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.item(), gradient


@pytest.mark.parametrize(
    ("loss", "value", "gradient_norm"),
    [
        (BCEDiceLoss(), 0.9678907, 0.0396711),
        (BCEWithLogitsLoss(), 0.9044813, None),
        (LovaszHingeLoss(), 1.6903028, 0.0982251),
        (LovaszHingeLoss(per_image=False), 1.6907680, None),
    ],
)
def test_reference_values(loss, value, gradient_norm):
    got, gradient = loss_and_gradient(loss, *binary_inputs())
    assert got == pytest.approx(value, abs=1e-6)
    if gradient_norm is not None:
        assert gradient.norm().item() == pytest.approx(gradient_norm, abs=1e-6)


def test_lovasz_ignores_void_pixels():
    logits, target = binary_inputs()
    target[:, :, :2] = 255
    value, gradient = loss_and_gradient(LovaszHingeLoss(ignore_index=255), logits, target)
    assert value == pytest.approx(1.6360838, abs=1e-6)
    assert (gradient[:, :, :2] == 0).all()
    assert (gradient[:, :, 2:] != 0).any()


def test_lovasz_of_void_alone_is_zero_with_zero_gradient():
    logits, target = binary_inputs()
    value, gradient = loss_and_gradient(LovaszHingeLoss(ignore_index=255), logits, torch.full_like(target, 255))
    assert value == 0
    assert (gradient == 0).all()


def lovasz_one_image(logits, labels):
    """The Lovász extension by its definition: a sum over thresholds of the Jaccard loss of sets of errors."""
    errors = [max(0.0, 1 - logit * (2 * label - 1)) for logit, label in zip(logits, labels, strict=True)]
    order = sorted(range(len(errors)), key=lambda i: -errors[i])

    def jaccard_loss(wrong):
        predicted = {i for i, label in enumerate(labels) if (label == 1) != (i in wrong)}
        truth = {i for i, label in enumerate(labels) if label == 1}
        return 1 - len(predicted & truth) / len(predicted | truth) if predicted | truth else 0.0

    total, before = 0.0, 0.0
    for count, i in enumerate(order, start=1):
        after = jaccard_loss(set(order[:count]))
        total += errors[i] * (after - before)
        before = after
    return total


@pytest.mark.parametrize("foreground", [0.0, 0.1, 0.5, 1.0])
def test_batched_lovasz_is_the_definition_image_by_image(foreground):
    torch.manual_seed(3)
    logits = torch.randn(3, 2, 4, 5, dtype=torch.float64)
    target = (torch.rand(3, 2, 4, 5) < foreground).double()
    expected = [
        lovasz_one_image(logits[n, k].flatten().tolist(), target[n, k].flatten().tolist())
        for n in range(3)
        for k in range(2)
    ]
    assert LovaszHingeLoss()(logits, target).item() == pytest.approx(sum(expected) / 6, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_derivative(name):
    torch.manual_seed(5)
    logits = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    target = (torch.rand(2, 2, 3, 4) < 0.4).double()
    assert torch.autograd.gradcheck(build_loss(name), (logits, target))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "CrossEntropyLoss"])
def test_perfect_prediction_costs_nothing_and_a_wrong_one_much(name):
    _, target = binary_inputs()
    perfect = 100 * (2 * target - 1)
    assert build_loss(name)(perfect, target).item() == pytest.approx(0, abs=1e-5)
    assert build_loss(name)(-perfect, target).item() > 1


def test_bce_dice_sums_channels_and_space_together():
    logits, target = binary_inputs()
    two_channels, side_by_side = torch.cat([logits, logits.flip(2)], 1), torch.cat([logits, logits.flip(2)], 2)
    targets = torch.cat([target, target.flip(3)], 1), torch.cat([target, target.flip(3)], 2)
    loss = BCEDiceLoss()
    assert loss(two_channels, targets[0]).item() == pytest.approx(loss(side_by_side, targets[1]).item(), abs=1e-6)


def test_deep_supervision_is_the_mean_over_heads():
    logits, target = binary_inputs()
    criterion = DeepSupervisionLoss(BCEWithLogitsLoss())
    heads = [logits, 2 * logits, -logits]
    expected = sum(BCEWithLogitsLoss()(head, target).item() for head in heads) / 3
    assert criterion(heads, target).item() == pytest.approx(expected, abs=1e-6)
    assert criterion(logits, target).item() == pytest.approx(0.9044813, abs=1e-6)
    assert criterion.prediction(heads) is heads[-1]
    assert criterion.prediction(logits) is logits


@pytest.mark.parametrize("loss", [BCEDiceLoss(), LovaszHingeLoss()])
def test_shapes_that_differ_are_refused(loss):
    with pytest.raises(ValueError, match=r"got \[2, 1, 4, 4\] and \[2, 4, 4\]"):
        loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))


def test_an_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="allowed are BCEWithLogitsLoss, BCEDiceLoss, CrossEntropyLoss"):
        build_loss("Dice")
