"""Cross-entropy and focal loss: PyTorch's values, and the focal loss by its formula."""

import pytest
import torch
from support.losses_cases import random_pair
from support.reference_inputs import binary_inputs, multiclass_inputs
from torch import nn

from losses import BCEWithLogitsLoss, CrossEntropyLoss, FocalLoss


def test_the_reference_value():
    assert BCEWithLogitsLoss()(*binary_inputs()).item() == pytest.approx(0.9044813, abs=1e-6)


@pytest.mark.parametrize("weight", [None, [0.0, 1.0, 2.5]])
@pytest.mark.parametrize("ignore_index", [None, 2, 255])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_cross_entropy_is_pytorchs(weight, ignore_index, label_smoothing):
    logits, target = multiclass_inputs()
    if ignore_index == 255:
        target[:, 0] = 255
    options = {"ignore_index": -100 if ignore_index is None else ignore_index, "label_smoothing": label_smoothing}
    expected = nn.CrossEntropyLoss(None if weight is None else torch.tensor(weight), **options)(logits, target)
    options["ignore_index"] = ignore_index
    torch.testing.assert_close(CrossEntropyLoss(weight=weight, **options)(logits, target), expected)
    if not label_smoothing:
        focal = FocalLoss(gamma=0, weight=weight, ignore_index=ignore_index)
        torch.testing.assert_close(focal(logits, target), expected)


def test_binary_cross_entropy_is_pytorchs():
    logits, target = random_pair("multilabel")
    torch.testing.assert_close(BCEWithLogitsLoss()(logits, target), nn.BCEWithLogitsLoss()(logits, target))
    weight, pos_weight = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 0.5])
    factors = {"weight": weight.view(3, 1, 1).double(), "pos_weight": pos_weight.view(3, 1, 1).double()}
    expected = nn.BCEWithLogitsLoss(**factors)(logits, target)
    ours = BCEWithLogitsLoss(weight=weight.tolist(), pos_weight=pos_weight.tolist())
    torch.testing.assert_close(ours(logits, target), expected)
    torch.testing.assert_close(
        FocalLoss(gamma=0, weight=[0, 1, 2])(logits, target), BCEWithLogitsLoss(weight=[0, 1, 2])(logits, target)
    )


def test_the_focal_loss_by_its_formula():
    logits, target = binary_inputs()
    p_t = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    alpha_t = torch.where(target == 1, 0.25, 0.75)
    expected = (-alpha_t * (1 - p_t) ** 3 * p_t.log()).mean()
    torch.testing.assert_close(FocalLoss(gamma=3, alpha=0.25)(logits, target), expected)
    logits, target = multiclass_inputs()
    p_t = logits.softmax(1).gather(1, target[:, None])[:, 0]
    w = torch.tensor([0.0, 1.0, 2.0])[target]
    expected = -(w * (1 - p_t) ** 2 * p_t.log()).sum() / w.sum()
    torch.testing.assert_close(FocalLoss(weight=[0, 1, 2])(logits, target), expected)


def test_the_focal_loss_of_certain_pixels_has_a_finite_gradient():
    logits = torch.tensor([[[80.0, -80.0, 80.0, 0.1]]], requires_grad=True)
    FocalLoss(gamma=0.5)(logits, torch.tensor([[[1.0, 0.0, 0.0, 1.0]]])).backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[..., 2:] != 0).all()


def test_permuted_classes_and_weights_give_the_same():
    logits, target = multiclass_inputs()
    for loss in (CrossEntropyLoss, FocalLoss):
        permuted = loss(weight=[2, 0, 1])(logits[:, [2, 0, 1]], (target + 1) % 3)
        torch.testing.assert_close(permuted, loss(weight=[0, 1, 2])(logits, target))


def test_alpha_is_for_masks():
    for outside in (2, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=f"alpha must be a number from 0 to 1; got {outside}"):
            FocalLoss(alpha=outside)
    assert [FocalLoss(alpha=inside).alpha for inside in (0, 0.5, 1, None)] == [0, 0.5, 1, None]
    with pytest.raises(ValueError, match=r"for class indices .* give weight instead"):
        FocalLoss(alpha=0.25)(*multiclass_inputs())


def test_a_batch_of_classes_without_weight_costs_nothing():
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = CrossEntropyLoss(weight=[0, 1, 1], label_smoothing=0.1)(logits, torch.zeros(2, 4, 4, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()
