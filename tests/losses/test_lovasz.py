"""Lovász losses: the reference's values, the definition, and gradients as exact as float64's."""

import pytest
import torch
from support.reference_inputs import binary_inputs, multiclass_inputs

from losses import LovaszHingeLoss, LovaszSoftmaxLoss, lovasz
from losses.lovasz import ascending_order


def loss_and_gradient(loss, logits, target):
    logits = logits.clone().requires_grad_()
    value = loss(logits, target)
    (gradient,) = torch.autograd.grad(value, logits)
    return value.item(), gradient


@pytest.mark.parametrize(
    ("loss", "value", "gradient_norm"),
    [(LovaszHingeLoss(), 1.6903028, 0.0982251), (LovaszHingeLoss(per_image=False), 1.6907680, None)],
)
def test_reference_values_of_the_hinge(loss, value, gradient_norm):
    got, gradient = loss_and_gradient(loss, *binary_inputs())
    assert got == pytest.approx(value, abs=1e-6)
    if gradient_norm is not None:
        assert gradient.norm().item() == pytest.approx(gradient_norm, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "value"),
    [
        (LovaszSoftmaxLoss(), 0.7466380),
        (LovaszSoftmaxLoss(classes="all"), 0.7466380),  # all three are present
        (LovaszSoftmaxLoss(per_image=True), 0.7465569),
        (LovaszSoftmaxLoss(classes=[1, 2]), 0.7661424),
    ],
)
def test_reference_values_of_the_softmax(loss, value):
    assert loss(*multiclass_inputs()).item() == pytest.approx(value, abs=1e-6)


def test_void_pixels_take_no_part():
    logits, target = binary_inputs()
    target[:, :, :2] = 255
    value, gradient = loss_and_gradient(LovaszHingeLoss(ignore_index=255), logits, target)
    assert value == pytest.approx(1.6360838, abs=1e-6)
    assert (gradient[:, :, :2] == 0).all()
    assert (gradient[:, :, 2:] != 0).any()
    logits, target = multiclass_inputs()
    target[:, 0] = 255
    value, gradient = loss_and_gradient(LovaszSoftmaxLoss(ignore_index=255), logits, target)
    assert value == pytest.approx(0.7387987, abs=1e-6)
    assert (gradient[:, :, 0] == 0).all()
    assert (gradient[:, :, 1:] != 0).any()


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("classes", ["present", "all", [1, 2]])
def test_void_alone_is_zero_with_zero_gradient(per_image, classes):
    logits, target = binary_inputs()
    hinge = LovaszHingeLoss(per_image=per_image, ignore_index=255)
    logits_of_classes, labels = multiclass_inputs()
    softmax = LovaszSoftmaxLoss(classes, per_image=per_image, ignore_index=255)
    for loss, x, y in ((hinge, logits, target), (softmax, logits_of_classes, labels)):
        value, gradient = loss_and_gradient(loss, x, torch.full_like(y, 255))
        assert value == 0
        assert (gradient == 0).all()


def extension(errors, labels):
    """The Lovász extension by its definition: a sum over thresholds of the Jaccard loss of sets of errors."""
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
def test_the_hinge_is_the_definition_image_by_image(foreground):
    torch.manual_seed(3)
    logits = torch.randn(3, 2, 4, 5, dtype=torch.float64)
    target = (torch.rand(3, 2, 4, 5) < foreground).double()
    hinges = (1 - logits * (2 * target - 1)).relu().flatten(2)
    expected = [extension(hinges[n, k].tolist(), target[n, k].flatten().tolist()) for n in range(3) for k in range(2)]
    assert LovaszHingeLoss()(logits, target).item() == pytest.approx(sum(expected) / 6, abs=1e-12)


@pytest.mark.parametrize("classes", ["present", "all", [0, 2]])
def test_the_softmax_is_the_definition_class_by_class(classes):
    torch.manual_seed(3)
    logits = torch.randn(2, 4, 4, 5, dtype=torch.float64)
    target = torch.randint(0, 3, (2, 4, 5))
    target[0, target[0] == 1] = 0  # class 1 is missing from an image, class 3 from the batch
    errors = [(logits.softmax(1)[:, c] - (target == c).double()).abs() for c in range(4)]
    counted = {"present": [[0, 2], [0, 1, 2]], "all": [range(4)] * 2}.get(str(classes), [classes] * 2)
    losses = [
        [extension(errors[c][n].flatten().tolist(), (target[n] == c).flatten().int().tolist()) for c in counted[n]]
        for n in range(2)
    ]
    expected = sum(sum(image) / len(image) for image in losses) / 2
    assert LovaszSoftmaxLoss(classes, per_image=True)(logits, target).item() == pytest.approx(expected, abs=1e-12)
    pooled = {"present": [0, 1, 2], "all": range(4)}.get(str(classes), classes)
    losses = [extension(errors[c].flatten().tolist(), (target == c).flatten().int().tolist()) for c in pooled]
    assert LovaszSoftmaxLoss(classes)(logits, target).item() == pytest.approx(sum(losses) / len(losses), abs=1e-12)


def test_one_channel_is_a_sigmoid():
    logits, target = binary_inputs()
    two_channels = torch.cat([torch.zeros_like(logits), logits], 1)  # softmax of (0, x) is sigmoid of x
    for per_image in (True, False):
        one = LovaszSoftmaxLoss(per_image=per_image)(logits, target)
        two = LovaszSoftmaxLoss(classes=[1], per_image=per_image)(two_channels, target[:, 0].long())
        torch.testing.assert_close(one, two)


def plain_gradient(errors, foreground, logits):
    """The gradient of Algorithm 1 in the form of differences, by float64 autograd, row by row."""
    total = 0
    for error, truth in zip(errors, foreground, strict=True):
        error, order = error.sort(descending=True, stable=True)
        truth = truth[order].double()
        jaccard = 1 - (truth.sum() - truth.cumsum(0)) / (truth.sum() + (1 - truth).cumsum(0))
        total = total + error.relu() @ jaccard.diff(prepend=jaccard.new_zeros(1))
    (gradient,) = torch.autograd.grad(total / len(errors), logits)
    return gradient


@pytest.mark.parametrize("share", [0.0, 1e-4, 0.2, 1.0])
def test_float32_gradients_are_those_of_float64(share):
    """96×96, and near ties on purpose: logits on a grid of 1e-4 that float32 errors cannot tell apart."""
    torch.manual_seed(0)
    logits = torch.randn(2, 1, 96, 96).mul(1e4).round().mul(1e-11) + torch.randn(2, 1, 96, 96).sign() * 1e-3
    target = (torch.rand(2, 1, 96, 96) < share).float()
    _, gradient = loss_and_gradient(LovaszHingeLoss(), logits, target)
    exact = logits.double().requires_grad_()
    errors = (1 - exact * (2 * target.double() - 1)).flatten(1)
    expected = plain_gradient(errors, target.flatten(1), exact)
    assert (gradient - expected).abs().max() <= 1e-6 * expected.abs().max()

    labels = torch.where(target[:, 0] > 0, torch.randint(1, 3, (2, 96, 96)), 0)
    logits = torch.randn(2, 3, 96, 96)
    _, gradient = loss_and_gradient(LovaszSoftmaxLoss(classes="all"), logits, labels)
    exact = logits.double().requires_grad_()
    masks = torch.stack([labels == c for c in range(3)])  # [3, N, H, W]
    errors = (exact.softmax(1).transpose(0, 1) - masks.double()).abs().flatten(1)
    expected = plain_gradient(errors, masks.flatten(1), exact)
    assert (gradient - expected).abs().max() <= 1e-6 * expected.abs().max()


def test_errors_rounded_before_sorting_would_be_seen(monkeypatch):
    """The negative control: sorted by 1 − margin, or by softmax errors in float32, the gradient is another."""
    exact = lovasz.growth_of_pixels

    def rounded(correctness, foreground):
        rounds = correctness - 1 if correctness.dtype == torch.float32 else correctness.float()
        return exact(rounds, foreground).to(correctness.dtype)

    monkeypatch.setattr(lovasz, "growth_of_pixels", rounded)
    with pytest.raises(AssertionError):
        test_float32_gradients_are_those_of_float64(0.2)


def test_the_order_of_floats():
    torch.manual_seed(0)
    special = torch.tensor([[0.0, -0.0, 1.0, -1.0, torch.inf, -torch.inf, 1e-45, -1e-45, 3e38, -3e38, 0.0, 1.0]])
    for values in (special, torch.randn(3, 1000), torch.randint(-3, 3, (3, 1000)).float()):
        assert torch.equal(ascending_order(values), values.sort(dim=1, stable=True).indices)


@pytest.mark.parametrize(
    ("classes", "told"),
    [("some", "'some' is unknown; allowed are present, all"), ([], "an empty list"), ([1, 3], "channels 0 to 2")],
)
def test_classes_that_cannot_be(classes, told):
    with pytest.raises(ValueError, match=told):
        LovaszSoftmaxLoss(classes)(*multiclass_inputs())
