"""A loss or gradient that is not a number does not reach the weights, with an immediate and a deferred guard."""

import copy

import pytest
import torch
from support.trainings import CPU, Batches, training_of
from torch import nn
from torch.utils.data import DataLoader

from engine.divergence import UpdateGuard, WatchedStep
from engine.loops import train_epoch
from engine.loss_scaling import DynamicLossScaling
from engine.optimisers import OPTIMIZERS, build_optimizer
from engine.runs.bad_steps import BadSteps
from engine.runs.checkpoint_file import load_checkpoint
from losses import build_loss
from system.errors import DivergedError


def batches(bad):
    """Five batches of two; those numbered in `bad` hold a NaN."""
    torch.manual_seed(0)
    images, target = torch.randn(10, 3, 4, 4), (torch.rand(10, 1, 4, 4) < 0.5).float()
    for number in bad:
        images[2 * number, 0, 0, 0] = float("nan")
    return DataLoader(list(zip(images, target, strict=True)), batch_size=2)


def network():
    torch.manual_seed(1)
    return nn.Conv2d(3, 1, 1)


def train(model, optimizer, bad, steps_seen, *, deferred=False, guarded=True, scaling=None):
    training = training_of(model, optimizer)
    training.guard = UpdateGuard(optimizer, deferred=deferred, on_bad_step=stop)
    training.scaling = scaling or training.scaling
    if not guarded:
        training.guard.check = lambda watched: None
    remember = lambda: steps_seen.append(copy.deepcopy(model.state_dict()))
    return train_epoch(training, Batches(batches(bad)), after_step=remember)


def stop(watched):
    raise DivergedError(f"step {watched.step}")


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_weights_stay_those_of_the_last_good_step(name, deferred):
    model, seen = network(), []
    momentum = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = build_optimizer(name, model.parameters(), lr=0.1, weight_decay=0.1, fused=deferred, **momentum)
    with pytest.raises(DivergedError, match="step 2"):
        train(model, optimizer, [2], seen, deferred=deferred)
    # At once: raised before the third update. Deferred: that update was left out, the fourth step raised.
    assert len(seen) == (3 if deferred else 2)
    torch.testing.assert_close(model.state_dict(), seen[1], rtol=0, atol=0)


def test_a_bad_last_step_is_found_at_the_epochs_end():
    model = network()
    optimizer = build_optimizer("SGD", model.parameters(), lr=0.1, fused=True)
    with pytest.raises(DivergedError, match="step 4"):
        train(model, optimizer, [4], [], deferred=True)


def test_without_a_guard_the_weights_are_lost():
    """This control shows what the guard prevents."""
    model, seen = network(), []
    with pytest.raises(DivergedError, match="the training loss is nan"):
        train(model, build_optimizer("SGD", model.parameters(), lr=0.1), [2], seen, guarded=False)
    assert len(seen) == 5
    assert model.weight.isnan().any()


def test_a_finite_epoch_passes_and_unfused_kernels_are_refused():
    model = network()
    optimizer = build_optimizer("SGD", model.parameters(), lr=0.1, fused=False)
    assert train(model, optimizer, [], [])["loss"] > 0
    with pytest.raises(ValueError, match="fused=True"):
        UpdateGuard(optimizer, deferred=True, on_bad_step=stop)


@pytest.mark.parametrize("deferred", [False, True])
@pytest.mark.parametrize(
    ("loss", "norm", "scale", "bad"),
    [
        (1, 1, 4, False),
        (1, 1, 1, False),
        (1, "inf", 4, False),
        (1, "nan", 2, False),
        (1, "inf", 1, True),
        ("nan", 1, 4, True),
        ("inf", "nan", 4, True),
    ],
)
def test_a_gradient_may_overflow_as_long_as_its_scale_can_fall(deferred, loss, norm, scale, bad):
    """A step scales its loss by `scale` and finds this loss and this norm of the gradient. Is it bad?"""
    optimizer = build_optimizer("SGD", network().parameters(), lr=0.1, fused=True)
    scaling = DynamicLossScaling(optimizer, CPU.device)
    scaling.scale.fill_(scale)
    reported = []
    guard = UpdateGuard(optimizer, deferred=deferred, on_bad_step=reported.append)
    loss, norm = torch.tensor(float(loss)), torch.tensor(float(norm))
    one = torch.zeros(1)
    guard.check(WatchedStep(1, 7, one, one, 0.1, loss, norm, {}, loss.isfinite(), scaling.scale))
    guard.settle()
    assert [watched.step for watched in reported] == ([7] if bad else [])


@pytest.mark.parametrize("deferred", [False, True])
def test_overflows_end_a_training_where_the_scale_has_come_to_its_end(deferred):
    """The gradient is infinite at any scale. After 16 halvings, from 65536 to 1, this counts as a divergence."""
    model, seen = network(), []
    optimizer = build_optimizer("SGD", model.parameters(), lr=0.1)
    training = training_of(model, optimizer)
    training.guard = UpdateGuard(optimizer, deferred=deferred, on_bad_step=stop)
    training.scaling = DynamicLossScaling(optimizer, CPU.device)
    model.weight.register_hook(lambda gradient: gradient * float("inf"))
    start = copy.deepcopy(model.state_dict())

    def train_steps():
        for images, target in list(batches([])) * 4:
            training.step(images, target)
            seen.append(training.scaling.scale.item())

    with pytest.raises(DivergedError, match="step 16"):
        train_steps()
    assert seen[:16] == [2.0**power for power in range(15, -1, -1)]
    torch.testing.assert_close(model.state_dict(), start, rtol=0, atol=0)


def test_the_batch_is_named_and_saved_for_a_replay(tmp_path):
    model, path = network(), tmp_path / "diverged.pth"
    optimizer = build_optimizer("SGD", model.parameters(), lr=0.125)
    training = training_of(model, optimizer, build_loss("WeightedSumLoss", terms=[{"name": "BCEWithLogitsLoss"}]))
    training.progress.epoch = 7
    training.guard.on_bad_step = BadSteps(path, model, lambda step: ["cell_1", "cell_2"])
    expected = r"loss is nan in step 2 of epoch 7 \(loss nan, BCEWithLogitsLoss nan, lr 0\.125\), on .* cell_1, cell_2"
    with pytest.raises(DivergedError, match=expected):
        train_epoch(training, Batches(batches([1])))
    saved = load_checkpoint(path)
    replayed = network()
    replayed.load_state_dict(saved["model"])
    loss = nn.BCEWithLogitsLoss()(replayed(saved["images"]), saved["target"])
    assert loss.isnan()
    assert saved["ids"] == ["cell_1", "cell_2"]
    images, _ = list(batches([1]))[1]
    torch.testing.assert_close(saved["images"], images, rtol=0, atol=0, equal_nan=True)
