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
from engine.optimisers import build_optimizer, build_schedule
from engine.training import Training
from losses import DeepSupervisionLoss, build_loss
from models import build_model
from tasks.binary import Binary

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
    """`make_step` on batches that come from elsewhere, on one of `ranks`."""
    runtime = choose_runtime(device, precision)
    model = runtime.place(build_model(model_name)).train()
    optimizer = build_optimizer("AdamW", model.parameters(), lr=1e-3)
    schedule = build_schedule("constant", optimizer, epochs=1, steps_per_epoch=1)
    criterion = DeepSupervisionLoss(build_loss(loss_name))
    training = Training(model, criterion, optimizer, schedule, Binary(("cell",)), runtime, ranks)
    training.begin()
    return lambda: training.step(*next_batch())


def random_batch(batch: int, size: int) -> tuple[Tensor, Tensor]:
    """Images [batch, 3, size, size] of noise, and a fifth of their pixels as target."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, size, size, generator=generator)
    return images, (torch.rand(batch, 1, size, size, generator=generator) > 0.8).float()
