"""The plain path is the same function as ours, and ours is as exact: loss, logits and gradients, a step of training."""

import itertools

import pytest
import torch

from benchmarks.plain import PLAIN_LOSSES, PlainNet, plain_step
from benchmarks.step import make_step
from losses import DeepSupervisionLoss, build_loss
from models import MODELS, build_model

pytestmark = pytest.mark.slow

FILTERS = (8, 16, 32, 64, 128)


def batch(size=32, seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(4, 3, size, size, generator=generator)
    return images, (torch.rand(4, 1, size, size, generator=generator) > 0.7).float()


def networks(name, seed=0):
    """Ours, the plain one and the plain one in float64, of the same weights."""
    torch.manual_seed(seed)
    plain = PlainNet(name, filters=FILTERS)
    ours = build_model(name, filters=FILTERS).to(memory_format=torch.channels_last)
    ours.load_state_dict(plain.state_dict())
    exact = PlainNet(name, filters=FILTERS).double()
    exact.load_state_dict(plain.state_dict())
    return ours, plain, exact


def step_of(model, loss, images, target):
    """Loss, logits and the gradient of all weights, in float64."""
    dtype = next(model.parameters()).dtype
    logits = model.train()(images.to(dtype))
    value = loss(logits, target.to(dtype))
    value.backward()
    gradient = torch.cat([p.grad.double().flatten() for _, p in sorted(model.named_parameters())])
    return value.double(), logits.detach().double(), gradient


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("loss_name", PLAIN_LOSSES)
def test_loss_logits_and_gradients_are_as_near_to_float64_as_the_plain_paths(name, loss_name):
    losses = (DeepSupervisionLoss(build_loss(loss_name)), *[PLAIN_LOSSES[loss_name]] * 2)
    distances = []
    for seed in range(5):
        models = zip(networks(name, seed), losses, strict=True)
        ours, plain, exact = (step_of(model, loss, *batch(seed=seed)) for model, loss in models)
        assert abs(ours[0] - exact[0]) <= 1e-5 * abs(exact[0])
        assert (ours[1] - exact[1]).abs().max() <= 5e-5 * exact[1].abs().max()
        distances.append([(result[2] - exact[2]).norm() for result in (ours, plain)])
    if loss_name == "LovaszHingeLoss":
        return  # any two pixels that change ranks make a jump in its gradient, in either path and by chance
    # The median, because a ReLU that falls to the other side makes a jump too, though a rare one.
    ours_far, plain_far = torch.tensor(distances).median(0).values
    assert ours_far <= 1.5 * plain_far


def test_bf16_gradients_are_no_further_than_those_of_a_plain_network_under_autocast():
    images, target = batch()
    ours, plain, exact = networks("NestedUNet")
    gradients = []
    for model, enabled in ((ours, True), (plain, True), (exact, False)):
        dtype = next(model.parameters()).dtype
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            logits = model.train()(images.to(dtype))
        PLAIN_LOSSES["BCEDiceLoss"](logits.to(dtype), target.to(dtype)).backward()
        gradients.append(torch.cat([p.grad.double().flatten() for _, p in sorted(model.named_parameters())]))
    ours_far, plain_far = ((gradient - gradients[2]).norm() for gradient in gradients[:2])
    assert ours_far <= 1.5 * plain_far


def test_a_step_of_both_learns_the_batch():
    for name in MODELS:
        step = make_step(model_name=name, loss_name="BCEDiceLoss", precision="fp32", batch=2, size=16)
        first = step()
        assert [step() for _ in range(4)][-1] < first
    model = PlainNet("UNet", filters=FILTERS)
    step = plain_step(model, "BCEDiceLoss", itertools.repeat(batch(16)).__next__, device="cpu")
    first = step()
    assert [step() for _ in range(4)][-1] < first


def test_a_step_in_bf16_keeps_float32_weights_and_loss():
    step = make_step(model_name="UNet", loss_name="LovaszHingeLoss", precision="bf16", batch=2, size=16)
    assert step().dtype == torch.float32
