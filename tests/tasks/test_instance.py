"""The instance tasks: targets from label maps, the losses of both channels, and what their logits mean."""

import numpy as np
import pytest
import torch
from torch import nn

from datasets.prepare.drawing import make_sample
from losses import build_loss
from tasks.border import Border, border_map
from tasks.distance import Distance
from tasks.distance_maps import distance_map
from tasks.task import TaskOptions
from tasks.truth import LabelMaps

LABELS = make_sample(7, 3, size=96).labels
TASKS = [Distance(("cell",)), Border(("cell",))]
NAMES = pytest.mark.parametrize("task", TASKS, ids=["distance", "border"])


def target_of(task, labels):
    return task.encode(labels[..., None])


def test_the_targets_are_the_foreground_and_the_map_of_the_task():
    distance, border = (target_of(task, LABELS) for task in TASKS)
    for target in (distance, border):
        assert (target.dtype, target.shape) == (np.uint8, (96, 96, 2))
        assert np.array_equal(target[..., 0], LABELS > 0)
    tensor = TASKS[0].to_tensor(distance)
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor[1].numpy(), distance_map(LABELS), atol=0.5 / 254 + 1e-6)
    assert np.array_equal(border[..., 1], border_map(LABELS, TaskOptions().border_radius))
    assert 0 < border[..., 1].mean() < 0.2


@NAMES
def test_flips_quarter_turns_and_crops_commute_with_the_targets(task):
    whole = target_of(task, LABELS)
    for change in (np.flipud, np.fliplr, np.rot90, lambda a: a.swapaxes(0, 1)):
        turned = target_of(task, np.ascontiguousarray(change(LABELS)))
        assert np.abs(turned.astype(int) - change(whole)).max() <= 1  # a step of 1/254, from rounding


def test_a_cell_that_a_crop_cuts_keeps_its_distances():
    """Samples are cropped after they are encoded. The control: the targets of a crop by itself are others."""
    columns = np.nonzero(LABELS.max() == LABELS)[1]
    left = columns.max() - 2
    alone, kept = target_of(TASKS[0], np.ascontiguousarray(LABELS[:, left:])), target_of(TASKS[0], LABELS)[:, left:]
    inside = LABELS[:, left:] == LABELS.max()
    assert alone[inside, 1].max() == 254 > kept[inside, 1].max()


def test_void_pixels_stay_void_and_take_no_part_in_either_loss():
    target = torch.zeros(1, 4, 4, 2, dtype=torch.uint8)
    target[0, :2, :, 0], target[0, :2, :, 1] = 1, 127
    target[0, 3] = 255
    for task in TASKS:
        tensor = task.batch_to_tensor(target)
        assert (tensor[0, :, 3] == 255).all()
        assert not (tensor[0, :, :3] == 255).any()
        loss = task.whole_loss(build_loss("LovaszHingeLoss", ignore_index=255))
        tensor[0, 1, :2] = 0.5 if isinstance(task, Distance) else 1
        logits = torch.randn(1, 2, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
        value = loss(logits, tensor)
        value.backward()
        assert logits.grad[0, :, 3].abs().max() == 0
        assert logits.grad[0, 1, 1, :2].abs().min() > 0
        assert (logits.grad[0, 1, 2] == 0).all() == isinstance(task, Distance)  # the background, which it leaves out
    assert task.counts().update(torch.ones(1, 1, 4, 4, dtype=torch.bool), tensor) is None


def test_the_loss_of_distance_is_that_of_the_mask_and_twice_the_cross_entropy_of_the_distance_inside():
    logits, target = torch.randn(2, 2, 5, 6), torch.rand(2, 2, 5, 6)
    target[:, 0] = (target[:, 0] > 0.5).float()
    target[:, 1] *= target[:, 0]
    target[1, :, 0] = 255
    loss = TASKS[0].whole_loss(nn.BCEWithLogitsLoss())
    value = loss(logits, target)
    inside = (target[:, 0] == 1) & (target[:, 1] != 255)
    p, d = logits[:, 1].sigmoid()[inside], target[:, 1][inside]
    entropy = -(d * p.log() + (1 - d) * (1 - p).log())
    assert 10 < len(entropy) < 50
    mask = nn.BCEWithLogitsLoss()(logits[:, :1], target[:, :1])
    assert value.item() == pytest.approx((mask + 2 * entropy.mean()).item(), rel=1e-5)
    assert loss.term_values["foreground"].item() == pytest.approx(mask.item())
    assert loss.term_values["distance"].item() == pytest.approx(entropy.mean().item(), rel=1e-5)


def test_the_loss_of_borders_is_weighted_cross_entropy_and_dice():
    logits, target = torch.randn(2, 2, 5, 6), (torch.rand(2, 2, 5, 6) < 0.3).float()
    value = TASKS[1].whole_loss(build_loss("BCEDiceLoss"))(logits, target)
    mask = build_loss("BCEDiceLoss")(logits[:, :1], target[:, :1])
    entropy = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(8.0))(logits[:, 1], target[:, 1])
    p, y = logits[:, 1].sigmoid(), target[:, 1]
    dice = 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
    assert value.item() == pytest.approx((mask + entropy + dice).item(), rel=1e-5)


@NAMES
def test_the_terms_of_a_weighted_sum_keep_their_names(task):
    terms = [{"name": "BCEWithLogitsLoss", "factor": 0.5}, {"name": "DiceLoss"}]
    loss = task.whole_loss(build_loss("WeightedSumLoss", terms=terms))
    value = loss(torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4))
    assert list(loss.term_values) == ["BCEWithLogitsLoss", "DiceLoss", task.term]
    parts = loss.term_values
    expected = 0.5 * parts["BCEWithLogitsLoss"] + parts["DiceLoss"] + task.factor * parts[task.term]
    assert value.item() == pytest.approx(expected.item())
    with pytest.raises(ValueError, match=r"must both be \[N, 2, \*space\]; got \[1, 1, 4, 4\]"):
        loss(torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 4, 4))


@NAMES
def test_only_the_first_channel_is_the_mask(task):
    logits = torch.tensor([[[-1.0, 2.0]], [[9.0, -9.0]]])[None]
    assert task.decide(logits).tolist() == [[[[False, True]]]]
    assert task.decide(logits, 0.9).tolist() == [[[[False, False]]]]
    counts = task.counts()
    counts.update(task.decide(logits), torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]])[None])
    assert counts.per_image().tolist() == [[[1, 0, 1]]]  # TP, FP, FN
    assert counts.compute().per_class.keys() == {"cell"}


@NAMES
def test_maps_lie_between_0_and_1_and_go_back_to_logits(task):
    logits = torch.randn(1, 2, 6, 6) * 3
    maps = task.maps(logits)
    assert 0 <= maps.min() < 0.2
    assert 0.8 < maps.max() <= 1
    torch.testing.assert_close(task.maps(task.logits(maps)), maps, rtol=0, atol=1e-5)
    assert torch.equal(task.decide(task.logits(maps)), task.decide(logits))


def test_pixels_of_the_class_are_counted_in_the_first_channel():
    task = Distance.for_truth(LabelMaps(None, ("nucleus",)), TaskOptions())
    assert (task.classes, task.channels) == (("nucleus",), ("nucleus", "distance"))
    target = target_of(task, LABELS)
    assert task.pixel_counts(target).tolist() == [(LABELS > 0).sum(), LABELS.size]
    assert np.array_equal(task.foreground(target)[..., 0], LABELS > 0)
