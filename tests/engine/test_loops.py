"""One step, one epoch, one pass of scoring, on networks small enough to follow by hand."""

from functools import partial

import pytest
import torch
from support.trainings import BINARY, CPU, Batches, training_of
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from datasets.loading.loaders import BatchesOfAnySize
from engine.loops import evaluate, train_epoch
from losses import DeepSupervisionLoss, build_loss
from metrics import SegmentationCounts
from system.errors import DivergedError

CRITERION = DeepSupervisionLoss(nn.BCEWithLogitsLoss())


def data(count=7):
    torch.manual_seed(0)
    return [(torch.randn(3, 8, 8), (torch.rand(1, 8, 8) < 0.3).float()) for _ in range(count)]


def network():
    torch.manual_seed(1)
    return nn.Conv2d(3, 1, 1)


@pytest.mark.parametrize("clip_norm", [None, 1e-3])
def test_a_step_is_the_textbook_update(clip_norm):
    model, reference = network(), network()
    images, target = (torch.stack(tensors) for tensors in zip(*data(), strict=True))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    training = training_of(model, optimizer, clip_norm=clip_norm)
    loss = training.step(images, target)
    expected = F.binary_cross_entropy_with_logits(reference(images), target)
    gradients = torch.autograd.grad(expected, list(reference.parameters()))
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    factor = 1 if clip_norm is None else clip_norm / norm
    assert clip_norm is None or norm > clip_norm
    for weight, start, gradient in zip(model.parameters(), reference.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight, start - 0.5 * factor * gradient, rtol=1e-4, atol=1e-7)
    torch.testing.assert_close(loss, expected.detach())
    assert not loss.requires_grad
    predicted = SegmentationCounts()
    predicted.update(reference(images) > 0, target)
    assert torch.equal(training.progress.counts.per_image(), predicted.per_image())
    assert training.progress.steps == 1


def test_scoring_does_not_depend_on_the_batch_size_and_changes_nothing():
    model = nn.Sequential(nn.BatchNorm2d(3), network())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    results = []
    for batch_size in (1, 3, 7):
        counts, seen = SegmentationCounts(), []
        loader = DataLoader(data(), batch_size=batch_size)
        loss = evaluate(
            model, loader, counts, criterion=CRITERION, runtime=CPU, decide=BINARY.decide, on_logits=seen.append
        )
        results.append((pytest.approx(loss["loss"], rel=1e-6), counts.compute()))
        assert torch.cat(seen).shape == (7, 1, 8, 8)
    assert results[0] == results[1] == results[2]
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)


def test_lists_are_scored_image_by_image_in_their_order():
    """A loss over a batch, such as Dice, would be another number for several images than the mean over them."""
    model, criterion = network(), DeepSupervisionLoss(build_loss("DiceLoss"))
    singles, results = DataLoader(data(), batch_size=1), []
    for loader in (singles, BatchesOfAnySize(singles, pixels=3 * 64)):
        counts, seen = SegmentationCounts(), []
        several = lambda images: [model(image) for image in images]
        loss = evaluate(
            model if loader is singles else Lists(several),
            loader,
            counts,
            criterion=criterion,
            runtime=CPU,
            decide=BINARY.decide,
            on_logits=seen.append,
        )
        results.append((loss, counts.per_image().tolist(), torch.cat(seen).tolist()))
    assert results[0] == results[1]
    assert [len(images) for images, _ in loader] == [3, 3, 1]


class Lists(nn.Module):
    def __init__(self, compute):
        super().__init__()
        self.forward = compute


def test_the_threshold_of_scoring():
    found = []
    for threshold in (0.01, 0.5, 0.99):
        counts = SegmentationCounts()
        decide = partial(BINARY.decide, threshold=threshold)
        assert evaluate(network(), DataLoader(data()), counts, runtime=CPU, decide=decide) == {}
        found.append(counts.per_image()[..., :2].sum().item())
    assert found[0] > found[1] > found[2]


def test_an_epoch_steps_once_per_batch_and_learns():
    model, steps = network(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    training, loader = training_of(model, optimizer), Batches(DataLoader(data(), batch_size=3))
    losses = []
    for _ in range(5):
        losses.append(train_epoch(training, loader, after_step=lambda: steps.append(1))["loss"])
        training.end_epoch({"loss": 0.0}, {"loss": 0.0}, training.progress.counts)
    assert len(steps) == 5 * 3
    assert losses[-1] < losses[0]


def test_a_loss_that_is_no_number_is_an_error():
    model = network()
    nn.init.constant_(model.bias, float("nan"))
    with pytest.raises(DivergedError, match="the validation loss is nan; lower"):
        evaluate(
            model, DataLoader(data()), SegmentationCounts(), criterion=CRITERION, runtime=CPU, decide=BINARY.decide
        )
    training = training_of(model, torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(DivergedError, match="step 1: the loss is nan"):
        train_epoch(training, Batches(DataLoader(data())))
    training.guard.check = lambda watched: None
    with pytest.raises(DivergedError, match="the training loss is nan"):
        train_epoch(training, Batches(DataLoader(data())))


def test_the_terms_of_a_sum_are_means_over_images_too():
    terms = [{"name": "BCEWithLogitsLoss", "factor": 0.5}, {"name": "DiceLoss", "per_image": True}]
    criterion, model = DeepSupervisionLoss(build_loss("WeightedSumLoss", terms=terms)), network()
    images, target = (torch.stack(tensors) for tensors in zip(*data(), strict=True))
    expected = {"loss": criterion(model(images), target).item()}
    expected |= {name: value.item() for name, value in criterion.term_values.items()}
    for batch_size in (3, 7):
        loader = DataLoader(data(), batch_size=batch_size)
        losses = evaluate(model, loader, SegmentationCounts(), criterion=criterion, runtime=CPU, decide=BINARY.decide)
        assert list(losses) == ["loss", "BCEWithLogitsLoss", "DiceLoss"]
        assert losses == pytest.approx(expected, rel=1e-6)
        frozen = torch.optim.SGD(model.parameters(), lr=0.0)
        losses = train_epoch(training_of(model, frozen, criterion.loss), Batches(loader))
        assert losses == pytest.approx(expected, rel=1e-6)


def test_a_step_reports_the_terms_of_the_batch_and_leaves_the_criterion_alone():
    """The terms of two micro-batches are averaged for the log and the guard; the criterion keeps the newest's."""
    images, target = (torch.stack(tensors) for tensors in zip(*data(), strict=True))
    model, seen = network(), []
    loss = build_loss("WeightedSumLoss", terms=[{"name": "BCEWithLogitsLoss"}])
    training = training_of(model, torch.optim.SGD(model.parameters(), lr=0.0), loss)
    training.guard.check = seen.append
    training.step(images, target, [3, 4])
    newest, whole = (
        F.binary_cross_entropy_with_logits(model(images[start:]), target[start:]).item() for start in (3, 0)
    )
    assert training.criterion.term_values["BCEWithLogitsLoss"].item() == pytest.approx(newest, rel=1e-6)
    assert seen[0].terms["BCEWithLogitsLoss"].item() == pytest.approx(whole, rel=1e-6)
    assert newest != pytest.approx(whole, rel=1e-3)
