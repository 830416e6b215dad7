"""Loss scaling is exact if nothing overflows. If a step overflows, everything goes on as without this step."""

import copy

import pytest
import torch
from support.trainings import training_of
from torch import nn

from engine import loss_scaling
from engine.device import Runtime
from engine.loss_scaling import FIRST, SMALLEST, DynamicLossScaling, LossScaling, build_loss_scaling
from engine.optimisers import OPTIMIZERS, build_optimizer

CPU = torch.device("cpu")
FP32, FP16 = Runtime(CPU, "fp32"), Runtime(CPU, "fp16")
OVERFLOW = 1e35  # times this the loss is finite, and scaled it is not


class Weighted(nn.Module):
    """Binary cross-entropy, multiplied by a factor that a test sets."""

    factor = 1.0

    def forward(self, logits, target):
        return self.factor * nn.functional.binary_cross_entropy_with_logits(logits, target)


class Trained:
    """A convolution with its optimiser and its loss; it is trained on batches that depend only on their number."""

    def __init__(self, name, *, scaled, runtime=FP32, clip_norm=None):
        torch.manual_seed(1)
        self.model, self.loss = nn.Conv2d(3, 1, 3, padding=1), Weighted()
        momentum = {"momentum": 0.9, "nesterov": True} if name == "SGD" else {}
        self.optimizer = build_optimizer(name, self.model.parameters(), lr=0.1, weight_decay=0.1, **momentum)
        self.scaling = DynamicLossScaling(self.optimizer, CPU) if scaled else LossScaling()
        self.training = training_of(self.model, self.optimizer, self.loss, runtime=runtime, clip_norm=clip_norm)
        self.training.scaling = self.scaling
        self.training.guard.check = lambda watched: None  # bad steps are what these tests are about

    def step(self, number, factor=1.0):
        generator = torch.Generator().manual_seed(number)
        images = torch.randn(2, 3, 8, 8, generator=generator)
        target = (torch.rand(2, 1, 8, 8, generator=generator) < 0.3).float()
        self.loss.factor = factor
        return self.training.step(images, target)


@pytest.mark.parametrize("clip_norm", [None, 1e-2])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_power_of_two_changes_no_bit(name, clip_norm):
    plain, scaled = (Trained(name, scaled=scaled, clip_norm=clip_norm) for scaled in (False, True))
    for number in range(3):
        assert plain.step(number) == scaled.step(number)
    torch.testing.assert_close(scaled.model.state_dict(), plain.model.state_dict(), rtol=0, atol=0)
    assert scaled.scaling.scale == FIRST


@pytest.mark.parametrize("overflowing", [(0,), (2,), (0, 1, 3)])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_that_overflows_leaves_no_trace_but_half_the_scale(name, overflowing):
    """This includes the first step: SGD has no momentum yet, and its kernel would leave it uninitialised."""
    plain, scaled = (Trained(name, scaled=scaled) for scaled in (False, True))
    for number in range(5):
        before = copy.deepcopy(scaled.model.state_dict())
        if number in overflowing:
            assert scaled.step(number, factor=OVERFLOW).isfinite()
            torch.testing.assert_close(scaled.model.state_dict(), before, rtol=0, atol=0)
        else:
            plain.step(number)
            scaled.step(number)
    torch.testing.assert_close(scaled.model.state_dict(), plain.model.state_dict(), rtol=0, atol=0)
    theirs, ours = (trained.optimizer.state_dict()["state"] for trained in (plain, scaled))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert scaled.scaling.scale == FIRST / 2 ** len(overflowing)


def test_without_scaling_such_a_step_is_taken():
    """This is the control of the test above: a step with 1e35 times the gradient is finite, and ruins the weights."""
    plain = Trained("SGD", scaled=False)
    plain.step(0, factor=OVERFLOW)
    assert plain.model.weight.abs().max() > 1e30


def test_a_loss_that_is_no_number_is_not_learnt_from():
    scaled = Trained("AdamW", scaled=True)
    before = copy.deepcopy(scaled.model.state_dict())
    assert scaled.step(0, factor=float("nan")).isnan()
    torch.testing.assert_close(scaled.model.state_dict(), before, rtol=0, atol=0)


def test_small_gradients_live():
    """If the loss is 1e-7 times the usual one, all its gradients in float16 are 0, unless the loss is scaled."""
    gradients = []
    for runtime, scaled in ((FP32, False), (FP16, False), (FP16, True)):
        trained = Trained("SGD", scaled=scaled, runtime=runtime)
        trained.step(0, factor=1e-7)
        gradients.append(trained.model.weight.grad)
        assert trained.model.weight.dtype == trained.model.weight.grad.dtype == torch.float32
    exact, lost, kept = gradients
    assert (lost == 0).all()
    torch.testing.assert_close(kept, exact, rtol=2e-2, atol=0.02 * exact.abs().max().item())


def test_the_scale_is_that_of_pytorchs_scaler(monkeypatch):
    monkeypatch.setattr(loss_scaling, "GROWTH_INTERVAL", 3)
    trained = Trained("SGD", scaled=True)
    parameter = nn.Parameter(torch.zeros(1))
    theirs, optimizer = torch.amp.GradScaler("cpu", growth_interval=3), torch.optim.SGD([parameter], lr=1.0)
    for number, overflows in enumerate([1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 1, 0]):
        trained.step(number, factor=OVERFLOW if overflows else 1.0)
        parameter.grad = torch.tensor([float("inf") if overflows else 1.0])
        theirs.scale(torch.zeros(()))
        theirs.step(optimizer)
        theirs.update()
        assert trained.scaling.scale == theirs.get_scale()
    assert trained.scaling.scale == FIRST * 2.0 ** (3 - 4)


def test_the_scale_stays_above_one():
    trained = Trained("SGD", scaled=True)
    for number in range(20):
        trained.step(number, factor=1e38)
    assert trained.scaling.scale == SMALLEST


def test_a_state_is_gone_on_with_to_the_bit(monkeypatch):
    monkeypatch.setattr(loss_scaling, "GROWTH_INTERVAL", 3)
    first, second = (Trained("SGD", scaled=True) for _ in range(2))
    for number, factor in enumerate((OVERFLOW, OVERFLOW, 1.0)):
        first.step(number, factor)
    state = first.scaling.state_dict()
    assert state == {"scale": FIRST / 4, "updates": 1}
    second.scaling.load_state_dict(state)
    for trained in (first, second):
        trained.step(3)
        trained.step(4)
        assert trained.scaling.state_dict() == {"scale": FIRST / 2, "updates": 0}


def test_only_fp16_is_scaled_and_only_fused_kernels_can_leave_an_update_out():
    model = nn.Conv2d(3, 1, 1)
    for precision in ("fp32", "bf16"):
        scaling = build_loss_scaling(Runtime(CPU, precision), build_optimizer("SGD", model.parameters(), lr=0.1))
        assert scaling.scale is scaling.state_dict() is None
    unfused = build_optimizer("SGD", model.parameters(), lr=0.1, fused=False)
    with pytest.raises(ValueError, match="fused=True"):
        build_loss_scaling(FP16, unfused)
