"""Every schedule against its formula, at the rates that steps really use."""

import math

import pytest
import torch

from engine.optimisers import OPTIMIZERS, build_optimizer, build_schedule

LR, EPOCHS, STEPS = 0.1, 6, 5


def rates(name, *, val_losses=(1.0,) * EPOCHS, **arguments):
    """The learning rate of every step, and `schedule.lr` after each epoch."""
    optimizer = build_optimizer("SGD", [torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.9)
    schedule = build_schedule(name, optimizer, epochs=EPOCHS, steps_per_epoch=STEPS, **arguments)
    used, logged = [], []
    for val_loss in val_losses:
        for _ in range(STEPS):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.after_step()
        logged.append(schedule.lr)
        schedule.after_epoch(val_loss)
    assert logged == used[STEPS - 1 :: STEPS]  # what is logged is the rate of the epoch's last step
    return used


def test_constant():
    assert rates("constant") == [LR] * EPOCHS * STEPS


def test_cosine_falls_per_epoch_to_its_minimum():
    expected = [0.01 + (LR - 0.01) * (1 + math.cos(math.pi * e / EPOCHS)) / 2 for e in range(EPOCHS)]
    assert rates("cosine", min_lr=0.01)[::STEPS] == pytest.approx(expected)


def test_cosine_first_rises_evenly_if_it_is_to_warm_up():
    used = rates("cosine", min_lr=0.01, warmup_epochs=2)
    assert used[:10] == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1])
    falling = [0.1, 0.01 + 0.09 * (1 + math.sqrt(0.5)) / 2, 0.055, 0.01 + 0.09 * (1 - math.sqrt(0.5)) / 2]
    assert used[10:] == pytest.approx([rate for rate in falling for _ in range(STEPS)])
    assert rates("cosine", min_lr=0.01, warmup_epochs=0) == rates("cosine", min_lr=0.01)


@pytest.mark.parametrize("stop", [3, 12])
@pytest.mark.parametrize("epochs", [EPOCHS, EPOCHS + 4])
def test_a_warm_up_goes_on_where_it_stopped_also_in_a_longer_training(stop, epochs):
    def build(epochs):
        optimizer = build_optimizer("SGD", [torch.nn.Parameter(torch.zeros(1))], lr=LR)
        return optimizer, build_schedule(
            "cosine", optimizer, epochs=epochs, steps_per_epoch=STEPS, min_lr=0.0, warmup_epochs=2
        )

    def steps(optimizer, schedule, count):
        used = []
        for _ in range(count):
            used.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.after_step()
        return used

    whole = steps(*build(epochs), 4 * STEPS)
    optimizer, schedule = build(EPOCHS)
    steps(optimizer, schedule, stop)
    later, resumed = build(epochs)
    later.load_state_dict(optimizer.state_dict())
    resumed.load_state_dict(schedule.state_dict(), epochs_changed=epochs != EPOCHS)
    assert steps(later, resumed, 4 * STEPS - stop) == whole[stop:]


def test_one_cycle_rises_then_falls_per_step():
    used = rates("one_cycle", warmup_fraction=0.3)
    peak = used.index(max(used))
    assert max(used) == pytest.approx(LR)
    assert peak == round(0.3 * EPOCHS * STEPS) - 1
    assert used[: peak + 1] == sorted(used[: peak + 1])
    assert used[peak:] == sorted(used[peak:], reverse=True)
    assert used[-1] < LR / 1000


def test_plateau_waits_for_its_patience():
    losses = [1.0, 0.9, 0.9, 0.9, 0.9, 0.9]
    used = rates("plateau", val_losses=losses, factor=0.5, patience=1, min_lr=0.0)[::STEPS]
    assert used == pytest.approx([LR, LR, LR, LR, LR / 2, LR / 2])


@pytest.mark.parametrize("level", [0.5, -0.5])
def test_plateau_sees_a_loss_that_does_not_fall(level):
    """A Dice loss with the form -D lies below 0."""
    losses = [level + 4e-5 * epoch for epoch in range(EPOCHS)]
    used = rates("plateau", val_losses=losses, factor=0.5, patience=1, min_lr=0.0)[::STEPS]
    assert used == pytest.approx([LR, LR, LR, LR / 2, LR / 2, LR / 4])


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_one_cycle_whose_warm_up_takes_about_a_step(steps):
    used = rates("one_cycle", warmup_fraction=steps / (EPOCHS * STEPS))
    assert max(used) == pytest.approx(LR)
    assert used.index(max(used)) == steps - 1


def test_multi_step_falls_after_each_milestone():
    used = rates("multi_step", milestones=[2, 4], factor=0.1)[::STEPS]
    assert used == pytest.approx([LR, LR, LR / 10, LR / 10, LR / 100, LR / 100])


def test_an_unknown_schedule_is_refused():
    optimizer = build_optimizer("SGD", [torch.nn.Parameter(torch.zeros(1))], lr=LR)
    with pytest.raises(ValueError, match="allowed are constant, cosine, one_cycle"):
        build_schedule("step", optimizer, epochs=1, steps_per_epoch=1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_descends(name):
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = build_optimizer(name, [weight], lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    assert abs(weight.item()) < 0.9


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}),
        ("SGD", {"momentum": 0.0}),
        ("Adam", {"weight_decay": 1e-2}),
        ("AdamW", {"betas": [0.8, 0.99], "weight_decay": 0.1}),
    ],
)
def test_fused_optimisers_step_as_those_that_are_not(name, arguments):
    torch.manual_seed(0)
    start, gradients = torch.randn(4, 33), torch.randn(20, 4, 33)
    weights = []
    for build in (build_optimizer, lambda name, *rest, **more: OPTIMIZERS[name](*rest, **more, foreach=False)):
        weight = torch.nn.Parameter(start.clone())
        optimizer = build(name, [weight], lr=0.01, **arguments)
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()
        weights.append(weight.detach())
    torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)
    assert (weights[0] - start).abs().max() > 1e-3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fused_where_the_device_has_it(name):
    fused = [
        build_optimizer(name, [torch.nn.Parameter(torch.zeros(1, device=device))], lr=0.1).defaults["fused"]
        for device in ("cpu", "meta")
    ]
    assert fused == [True, False]


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
        ("Adam", {}),
        ("AdamW", {"weight_decay": 0.1}),
    ],
)
def test_optimisers_give_the_bits_of_torchs_own(name, arguments, fused):
    weights = [torch.nn.Parameter(torch.linspace(-1, 1, 12).view(3, 4)) for _ in range(2)]
    ours = build_optimizer(name, weights[:1], lr=LR, fused=fused, **arguments)
    theirs = getattr(torch.optim, name)(weights[1:], lr=LR, fused=fused, **arguments)
    for number in range(4):
        for weight, optimizer in zip(weights, (ours, theirs), strict=True):
            optimizer.zero_grad()
            (weight.exp() * weight).sum().backward()
            optimizer.step()
        assert torch.equal(*weights)
        if number == 1:  # states are those of torch, in both directions
            state = theirs.state_dict()
            theirs.load_state_dict(ours.state_dict())
            ours.load_state_dict(state)
    assert weights[0].grad is not None
    ours.zero_grad()
    assert weights[0].grad is None
    assert not torch.equal(weights[0], torch.linspace(-1, 1, 12).view(3, 4))
