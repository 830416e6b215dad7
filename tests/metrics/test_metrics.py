"""Scores against §4 of the reference, hand counts, and the independence of the batch size."""

import pytest
import torch
from support.reference_inputs import binary_inputs, multiclass_inputs

from metrics import SegmentationCounts, dice_coef, iou_score


def one_hot(indices, classes=3):
    """[N, *space] class indices → [N, K, *space] bool, one class after the other."""
    return torch.stack([indices == k for k in range(classes)], dim=1)


def scores_in_batches(prediction, target, batch_size, **how):
    counts = SegmentationCounts(**how)
    for start in range(0, len(prediction), batch_size):
        counts.update(prediction[start : start + batch_size], target[start : start + batch_size])
    return counts


def test_reference_values():
    logits, target = binary_inputs()
    assert iou_score(logits, target) == pytest.approx(0.3863637, abs=1e-6)
    assert dice_coef(logits, target) == pytest.approx(0.4845183, abs=1e-6)
    scores = scores_in_batches(logits > 0, target, 2).compute()
    assert 100 * scores.iou == pytest.approx(38.6363636, abs=1e-6)
    assert 100 * scores.iou_per_image == pytest.approx(38.6563307, abs=1e-6)
    assert scores.dice == pytest.approx(2 * 0.386363636 / (1 + 0.386363636), abs=1e-8)


def test_nothing_to_find_and_nothing_predicted_scores_one():
    logits, target = torch.full((1, 1, 4, 4), -1e4), torch.zeros(1, 1, 4, 4)
    assert iou_score(logits, target) == dice_coef(logits, target) == 1
    assert (iou_score(-logits, target), dice_coef(-logits, target)) == pytest.approx((0, 0), abs=1e-6)


def test_reference_values_of_three_classes():
    logits, target = multiclass_inputs()
    prediction = one_hot(logits.argmax(1))
    for batch_size in (1, 2):
        for truth in (target, one_hot(target).float()):
            per_class = scores_in_batches(prediction, truth, batch_size, classes="abc").compute().per_class
            pooled = [100 * scores["iou"] for scores in per_class.values()]
            per_image = [100 * scores["iou_per_image"] for scores in per_class.values()]
            assert pooled == pytest.approx([27.1604938, 13.6363636, 16.4179105], abs=1e-6)
            assert per_image == pytest.approx([27.1646342, 13.6363636, 16.4438503], abs=1e-6)


def test_the_means_leave_the_background_out():
    logits, target = multiclass_inputs()
    how = {"classes": ("background", "b", "c"), "background": True}
    counts = scores_in_batches(one_hot(logits.argmax(1)), target, 2, **how)
    scores = counts.compute()
    assert 100 * scores.iou == pytest.approx((13.6363636 + 16.4179105) / 2, abs=1e-6)
    assert 100 * scores.iou_per_image == pytest.approx((13.6363636 + 16.4438503) / 2, abs=1e-6)
    assert 100 * sum(row["iou"] for row in counts.table()) / 2 == pytest.approx(15.04010695, abs=1e-6)
    everything = scores_in_batches(one_hot(logits.argmax(1)), target, 2).compute()
    assert 100 * everything.iou == pytest.approx((27.1604938 + 13.6363636 + 16.4179105) / 3, abs=1e-6)


def test_hand_count_of_precision_and_recall():
    prediction = torch.tensor([[[1, 1, 0, 0, 0]], [[0, 0, 0, 0, 0]]]).bool()
    target = torch.tensor([[[1, 0, 1, 1, 0]], [[0, 0, 0, 0, 0]]])
    scores = scores_in_batches(prediction, target, 1).compute()
    assert (scores.precision, scores.recall) == pytest.approx((1 / 2, 1 / 3))
    assert (scores.precision_per_image, scores.recall_per_image) == pytest.approx((3 / 4, 2 / 3))
    nothing_found = scores_in_batches(torch.zeros_like(prediction), target, 1).compute()
    assert (nothing_found.precision, nothing_found.recall) == (0, 0)


def test_void_pixels_are_not_counted():
    logits, target = multiclass_inputs()
    prediction, void = one_hot(logits.argmax(1)), target.clone()
    void[:, :3] = 255
    kept = scores_in_batches(prediction[:, :, 3:], target[:, 3:], 2, classes="abc").compute()
    assert scores_in_batches(prediction, void, 2, classes="abc").compute() == kept
    assert scores_in_batches(prediction, target, 2, classes="abc").compute() != kept
    logits, target = binary_inputs()
    void = target.clone()
    void[..., :3] = 255
    assert (
        scores_in_batches(logits > 0, void, 1).compute()
        == scores_in_batches((logits > 0)[..., 3:], target[..., 3:], 1).compute()
    )
    assert scores_in_batches(logits > 0, void.fill_(255), 1).compute().iou == 1


def test_volumes_are_counted_as_their_pixels():
    torch.manual_seed(0)
    prediction = one_hot(torch.randint(0, 3, (2, 16, 24, 24)))
    target = torch.randint(0, 3, (2, 16, 24, 24))
    volume = scores_in_batches(prediction, target, 1, classes="abc").compute()
    assert volume == scores_in_batches(prediction.flatten(3), target.flatten(2), 1, classes="abc").compute()
    overlapping = torch.rand(2, 6, 16, 24, 24) < 0.4
    truth = torch.rand(2, 6, 16, 24, 24) < 0.4
    counts = scores_in_batches(overlapping, truth, 2).per_image()
    assert counts.equal(scores_in_batches(overlapping.flatten(3), truth.flatten(3), 1).per_image())
    assert counts.sum(-1).equal((overlapping | truth).sum((2, 3, 4)))


def test_columns_of_named_classes():
    target = torch.tensor([[[0, 1, 1, 2]]])
    scores = scores_in_batches(one_hot(target), target, 1, classes=("x", "y", "z"), background=True).compute()
    names = list(scores.columns())
    assert names[:4] == list(scores_in_batches(one_hot(target), target, 1).compute().columns())
    assert names[4:9] == ["precision", "recall", "iou_x", "iou_y", "iou_z"]
    assert names[-1] == "recall_z"
    one = scores_in_batches(one_hot(target)[:, :1], one_hot(target)[:, :1], 1, classes=("x",)).compute()
    assert list(one.columns())[4:] == ["precision", "recall"]


def test_hand_count_of_two_classes():
    prediction = torch.tensor([[[1, 1, 0, 0], [1, 0, 0, 0]]]).bool()[..., None]
    target = torch.tensor([[[1, 0, 1, 0], [1, 1, 1, 1]]])[..., None]
    counts = scores_in_batches(prediction, target, 1)
    assert counts.per_image().tolist() == [[[1, 1, 1], [1, 0, 3]]]  # TP, FP, FN
    scores = counts.compute()
    assert scores.iou == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert scores.dice == pytest.approx((2 / 4 + 2 / 5) / 2)


def test_batch_size_does_not_matter_but_averaging_batches_does():
    torch.manual_seed(0)
    target = torch.rand(7, 1, 6, 6) < torch.linspace(0.05, 0.9, 7)[:, None, None, None]
    prediction = target ^ (torch.rand(7, 1, 6, 6) < 0.2)
    scores = [scores_in_batches(prediction, target, size).compute() for size in (1, 2, 3, 7)]
    assert all(score == scores[0] for score in scores)
    averages = []  # the negative control: what a mean of batch values would say
    for size in (2, 3):
        values = [
            iou_score(2.0 * p - 1, t) for p, t in zip(prediction.split(size), target.float().split(size), strict=True)
        ]
        averages.append(sum(values) / len(values))
    assert abs(averages[0] - averages[1]) > 1e-3


def test_empty_images():
    nothing, something = torch.zeros(1, 1, 2, 2, dtype=torch.bool), torch.ones(1, 1, 2, 2, dtype=torch.bool)
    assert scores_in_batches(nothing, nothing, 1).compute().iou_per_image == 1
    assert scores_in_batches(nothing, something, 1).compute().iou_per_image == 0
    assert scores_in_batches(something, nothing, 1).compute().dice_per_image == 0
    both = scores_in_batches(torch.cat([nothing, something]), torch.cat([nothing, something]), 2)
    assert both.table() == [{"iou": 1.0, "dice": 1.0}] * 2


def test_table_has_one_row_per_image():
    logits, target = binary_inputs()
    rows = scores_in_batches(logits > 0, target, 1).table()
    mean = sum(row["iou"] for row in rows) / 2
    assert 100 * mean == pytest.approx(38.6563307, abs=1e-6)


def test_wrong_use_is_refused():
    counts = SegmentationCounts()
    with pytest.raises(ValueError, match="no batch was added"):
        counts.compute()
    with pytest.raises(ValueError, match="a bool prediction"):
        counts.update(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2))
    three = torch.zeros(1, 3, 2, 2).bool()
    for wrong in (torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 3).long(), torch.zeros(2, 2).long()):
        with pytest.raises(ValueError, match=r"the same shape, or class indices \[N, \*space\]"):
            counts.update(three, wrong)
    with pytest.raises(ValueError, match="class indices must be of an integer dtype"):
        counts.update(three, torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="3 channels, but 2 classes"):
        SegmentationCounts(("a", "b")).update(three, torch.zeros(1, 2, 2).long())


def test_a_stored_state_is_continued():
    logits, target = multiclass_inputs()
    whole = scores_in_batches(one_hot(logits.argmax(1)), target, 2)
    first = scores_in_batches(one_hot(logits[:1].argmax(1)), target[:1], 2)
    resumed = SegmentationCounts()
    resumed.load_state_dict(first.state_dict())
    resumed.update(one_hot(logits[1:].argmax(1)), target[1:])
    assert resumed.per_image().tolist() == whole.per_image().tolist()
    assert SegmentationCounts().state_dict() == {"counts": None}
    resumed.load_state_dict({"counts": None})
    with pytest.raises(ValueError, match="nothing to score"):
        resumed.compute()
