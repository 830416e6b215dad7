"""BCE plus Dice, sums of any terms, and the mean over heads."""

import pytest
import torch
from support.reference_inputs import binary_inputs, multiclass_inputs

from losses import (
    BCEDiceLoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    DeepSupervisionLoss,
    DiceLoss,
    WeightedSumLoss,
    build_loss,
    takes_class_weights,
)

TERMS = [{"name": "BCEWithLogitsLoss", "factor": 0.5}, {"name": "DiceLoss", "per_image": True, "smooth": 1e-5}]


def test_bce_dice_is_the_published_sum():
    logits, target = binary_inputs()
    logits.requires_grad_()
    for loss in (BCEDiceLoss(), build_loss("WeightedSumLoss", terms=TERMS)):
        value = loss(logits, target)
        (gradient,) = torch.autograd.grad(value, logits)
        assert value.item() == pytest.approx(0.9678907, abs=1e-6)
        assert gradient.norm().item() == pytest.approx(0.0396711, abs=1e-6)


def test_bce_dice_sums_channels_and_space_together():
    logits, target = binary_inputs()
    two_channels, side_by_side = torch.cat([logits, logits.flip(2)], 1), torch.cat([logits, logits.flip(2)], 2)
    targets = torch.cat([target, target.flip(3)], 1), torch.cat([target, target.flip(3)], 2)
    loss = BCEDiceLoss()
    assert loss(two_channels, targets[0]).item() == pytest.approx(loss(side_by_side, targets[1]).item(), abs=1e-6)


def test_the_values_are_those_of_the_terms_before_their_factors():
    logits, target = binary_inputs()
    loss = build_loss("WeightedSumLoss", terms=TERMS)
    total = loss(logits.requires_grad_(), target)
    assert list(loss.term_values) == ["BCEWithLogitsLoss", "DiceLoss"]
    assert loss.term_values["BCEWithLogitsLoss"].item() == pytest.approx(0.9044813, abs=1e-6)
    assert 0.5 * loss.term_values["BCEWithLogitsLoss"] + loss.term_values["DiceLoss"] == total
    assert not any(value.requires_grad for value in loss.term_values.values())


def test_a_loss_given_twice_is_numbered():
    terms = [{"name": "TverskyLoss"}, {"name": "TverskyLoss", "alpha": 0.9}, {"name": "TverskyLoss", "beta": 0.1}]
    loss = build_loss("WeightedSumLoss", terms=terms)
    assert list(loss.factors) == ["TverskyLoss", "TverskyLoss_2", "TverskyLoss_3"]
    assert loss.terms["TverskyLoss_2"].alpha == 0.9


def test_each_term_has_its_own_class_weights():
    weighted = [{"name": "CrossEntropyLoss", "weight": [1, 2, 3]}, {"name": "DiceLoss", "weight": [0, 1, 1]}]
    loss = build_loss("WeightedSumLoss", terms=[*weighted, {"name": "LovaszSoftmaxLoss"}])
    assert loss.terms["CrossEntropyLoss"].weight == (1, 2, 3)
    assert loss.terms["DiceLoss"].weight == (0, 1, 1)
    logits, target = multiclass_inputs()
    expected = CrossEntropyLoss(weight=[1, 2, 3])(logits, target) + DiceLoss(weight=[0, 1, 1])(logits, target)
    torch.testing.assert_close(loss(logits, target), expected + build_loss("LovaszSoftmaxLoss")(logits, target))
    assert [takes_class_weights(name) for name in ("DiceLoss", "LogDiceLoss", "FocalLoss", "LovaszHingeLoss")] == [
        *(True, True, True, False)
    ]


def test_an_empty_sum_is_refused():
    with pytest.raises(ValueError, match="at least one term"):
        WeightedSumLoss({})


def test_deep_supervision_is_the_mean_over_heads():
    logits, target = binary_inputs()
    criterion = DeepSupervisionLoss(BCEWithLogitsLoss())
    heads = [logits, 2 * logits, -logits]
    expected = sum(BCEWithLogitsLoss()(head, target).item() for head in heads) / 3
    assert criterion(heads, target).item() == pytest.approx(expected, abs=1e-6)
    assert criterion.term_values == {}
    assert criterion(logits, target).item() == pytest.approx(0.9044813, abs=1e-6)
    assert criterion.prediction(heads) is heads[-1]
    assert criterion.prediction(logits) is logits


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_every_head_counts_as_float32(dtype):
    logits, target = binary_inputs()
    heads = [logits.to(dtype), 2 * logits.to(dtype)]
    seen = []

    class Recording(torch.nn.Module):
        def forward(self, logits, target):
            seen.append(logits.dtype)
            return logits.mean()

    criterion = DeepSupervisionLoss(Recording())
    criterion(heads, target)
    criterion(heads[0], target)
    assert seen == [torch.float32] * 3
    assert criterion.prediction(heads).dtype == criterion.prediction(heads[0]).dtype == torch.float32
    assert torch.equal(criterion.prediction(heads), heads[-1].float())


def test_the_values_of_terms_are_means_over_the_heads():
    logits, target = binary_inputs()
    criterion = DeepSupervisionLoss(build_loss("WeightedSumLoss", terms=TERMS))
    heads = [logits, 2 * logits]
    criterion(heads, target)
    for name, loss in (("BCEWithLogitsLoss", BCEWithLogitsLoss()), ("DiceLoss", DiceLoss(per_image=True, smooth=1e-5))):
        expected = sum(loss(head, target).item() for head in heads) / 2
        assert criterion.term_values[name].item() == pytest.approx(expected, abs=1e-6)
