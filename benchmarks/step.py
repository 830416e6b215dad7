"""One step of training, exactly as train.py takes it, for anyone who wants to time it against code of their own.

from benchmarks.step import make_step
step = make_step(model_name="NestedUNet", loss_name="LovaszHingeLoss", precision="bf16", batch=16, size=96)
loss = step()
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from engine.device import choose_runtime
from engine.distributed import ALONE, Ranks
from engine.divergence import UpdateGuard, WatchedStep
from engine.loops import train_step
from engine.loss_scaling import build_loss_scaling
from engine.optimisers import build_optimizer
from inference.masks import to_masks
from losses import DeepSupervisionLoss, build_loss
from metrics import SegmentationCounts
from models import build_model
from system.errors import DivergedError

Batches = Callable[[], tuple[Tensor, Tensor]]  # → images [N, 3, H, W] float32, target [N, 1, H, W] float32 {0, 1}


def make_step(
    *, model_name: str, loss_name: str, precision: str, batch: int, size: int, device: str = "cpu"
) -> Callable[[], Tensor]:
    """A callable that trains a new network on one and the same random batch and returns the loss, on the device.

    Args:
        model_name: of `models.MODELS`, at full width.
        loss_name: of `losses.LOSSES`.
        precision: auto, fp32, bf16 or fp16.
        batch: images.
        size: their side in pixels.
        device: cpu, cuda or mps.
    """
    fixed = itertools.repeat(random_batch(batch, size))
    return step_on(fixed.__next__, model_name=model_name, loss_name=loss_name, precision=precision, device=device)


def step_on(
    next_batch: Batches, *, model_name: str, loss_name: str, precision: str, device: str, ranks: Ranks = ALONE
) -> Callable[[], Tensor]:
    """`make_step` on batches that come from elsewhere: the body of `engine.loops.train_epoch`, on one of `ranks`."""
    runtime = choose_runtime(device, precision)
    model = runtime.place(build_model(model_name)).train()
    criterion = DeepSupervisionLoss(build_loss(loss_name))
    optimizer = build_optimizer("AdamW", model.parameters(), lr=1e-3)
    scaling = build_loss_scaling(runtime, optimizer)
    guard = UpdateGuard(optimizer, deferred=runtime.on_cuda, on_bad_step=_refuse, scaling=scaling)
    counts, numbers, network = SegmentationCounts(), itertools.count(), ranks.begin(model)

    def step() -> Tensor:
        images, target = runtime.move(*next_batch())
        watching = guard.watching(next(numbers), images, target)
        stepping = {"runtime": runtime, "before_update": watching, "scaling": scaling}
        loss, logits = train_step(network, criterion, optimizer, images, target, **stepping)
        counts.update(to_masks(logits), target)
        return loss

    return step


def _refuse(bad: WatchedStep) -> None:
    raise DivergedError(f"the loss of step {bad.step + 1} is {bad.loss.item()}; these times mean nothing")


def random_batch(batch: int, size: int) -> tuple[Tensor, Tensor]:
    """Images [batch, 3, size, size] of noise, and a fifth of their pixels as target."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, size, size, generator=generator)
    return images, (torch.rand(batch, 1, size, size, generator=generator) > 0.8).float()
