"""Builds one step of training, exactly as train.py takes it, so that you can time it against your own code.

from benchmarks.step import make_step
step = make_step(model_name="NestedUNet", loss_name="LovaszHingeLoss", precision="bf16", batch=16, size=96)
loss = step()
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from engine.device import Runtime, choose_runtime
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
    """Returns a callable that trains a new network, always on the same random batch, and returns the loss.

    Args:
        model_name: a name in `models.MODELS`; the network has its full width.
        loss_name: a name in `losses.LOSSES`.
        precision: auto, fp32, bf16 or fp16.
        batch: number of images.
        size: side of the images in pixels.
        device: cpu, cuda or mps; the loss stays on it.
    """
    fixed, runtime = itertools.repeat(random_batch(batch, size)), choose_runtime(device, precision)
    return step_on(fixed.__next__, model_name=model_name, loss_name=loss_name, runtime=runtime)


def step_on(
    next_batch: Batches, *, model_name: str, loss_name: str, runtime: Runtime, ranks: Ranks = ALONE
) -> Callable[[], Tensor]:
    """Returns what `make_step` returns, but for the batches of `next_batch`, on `runtime` and as one of `ranks`."""
    model = runtime.place(build_model(model_name)).train()
    optimizer = build_optimizer("AdamW", model.parameters(), lr=1e-3)
    schedule = build_schedule("constant", optimizer, epochs=1, steps_per_epoch=1)
    criterion = DeepSupervisionLoss(build_loss(loss_name))
    training = Training(model, criterion, optimizer, schedule, Binary(("cell",)), runtime, ranks)
    training.begin()
    return lambda: training.step(*next_batch())


def random_batch(batch: int, size: int) -> tuple[Tensor, Tensor]:
    """Returns images of noise, [batch, 3, size, size], and a target in which a random fifth of the pixels is 1."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, 3, size, size, generator=generator)
    return images, (torch.rand(batch, 1, size, size, generator=generator) > 0.8).float()
