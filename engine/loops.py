"""One epoch of training, one pass of scoring. Everything that they use is handed to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine.device import Runtime
from engine.divergence import UpdateGuard
from engine.errors import DivergedError
from engine.progress import Counts, EpochProgress
from inference.masks import to_masks


class Criterion(Protocol):
    """A loss that knows which of a network's outputs counts as its answer."""

    def __call__(self, outputs: object, target: Tensor) -> Tensor: ...

    def prediction(self, outputs: object) -> Tensor: ...


def train_step(
    model: nn.Module,
    criterion: Criterion,
    optimizer: optim.Optimizer,
    images: Tensor,
    target: Tensor,
    *,
    runtime: Runtime,
    clip_norm: float | None = None,
    before_update: Callable[[Tensor, Tensor], None] = lambda loss, gradient_norm: None,
) -> tuple[Tensor, Tensor]:
    """One update of the weights.

    Args:
        images: [N, C, H, W] float32, normalised, on the runtime's device.
        target: [N, K, H, W] float32 {0, 1}, likewise.
        clip_norm: the gradient's 2-norm is scaled down to this where it is larger.
        before_update: called with the loss and the gradient's 2-norm, two scalars on the device; may raise.

    Returns:
        The loss, a scalar, and the logits [N, K, H, W] it was computed from, both detached and on the device.
    """
    optimizer.zero_grad(set_to_none=True)
    with runtime.autocast():
        outputs = model(images)
    outputs = outputs.float() if isinstance(outputs, Tensor) else [logits.float() for logits in outputs]
    loss = criterion(outputs, target)
    loss.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    gradient_norm = nn.utils.get_total_norm(gradients)
    if clip_norm is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), clip_norm, gradient_norm)
    before_update(loss.detach(), gradient_norm)
    optimizer.step()
    return loss.detach(), criterion.prediction(outputs).detach()


def train_epoch(
    model: nn.Module,
    loader: DataLoader,
    criterion: Criterion,
    optimizer: optim.Optimizer,
    progress: EpochProgress,
    *,
    runtime: Runtime,
    clip_norm: float | None = None,
    guard: UpdateGuard | None = None,
    before_step: Callable[[int], None] = lambda step: None,
    after_step: Callable[[], None] = lambda: None,
) -> float:
    """Trains on every batch of `loader`; losses and predictions made on the way are added to `progress`.

    Args:
        progress: of this epoch; where it has steps already, `loader` gives the batches after them.
        guard: stops a loss or gradient that is not finite from reaching the weights.
        before_step: called with the number of the step in its epoch, from 0.
        after_step: called when a step is done and counted; may save the training as it is, and may raise.

    Returns:
        The mean loss per image of the whole epoch.

    Raises:
        DivergedError: that mean, or under `guard` any loss or gradient, is not finite.
    """
    model.train()
    for images, target in tqdm(loader, "train", leave=False, disable=None, initial=progress.steps):
        images, target = runtime.move(images, target)
        before_step(progress.steps)
        stepping = {"clip_norm": clip_norm}
        if guard is not None:
            stepping["before_update"] = guard.watching(progress.steps, images, target)
        loss, logits = train_step(model, criterion, optimizer, images, target, runtime=runtime, **stepping)
        progress.counts.update(to_masks(logits), target)
        progress.add({"loss": loss}, len(images))
        after_step()
    if guard is not None:
        guard.settle()
    return _finite(progress.means()["loss"], "training")


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    criterion: Criterion,
    counts: Counts,
    *,
    runtime: Runtime,
    threshold: float = 0.5,
    on_logits: Callable[[Tensor], None] = lambda logits: None,
) -> float:
    """Scores every batch of `loader` into `counts`; train.py and val.py both score with this.

    Args:
        threshold: probability above which a pixel is foreground.
        on_logits: called with each batch's logits, [N, K, H, W] float32 on the device.

    Returns:
        The mean loss per image.
    """
    model.eval()
    total, images_seen = torch.zeros((), dtype=torch.float64, device=runtime.device), 0
    for images, target in tqdm(loader, "score", leave=False, disable=None):
        images, target = runtime.move(images, target)
        with runtime.autocast():
            outputs = model(images)
        logits = criterion.prediction(outputs).float()
        total += criterion(logits, target) * len(images)
        images_seen += len(images)
        counts.update(to_masks(logits, threshold=threshold), target)
        on_logits(logits)
    return _finite(total.item() / images_seen, "validation")


def _finite(loss: float, phase: str) -> float:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {phase} loss is {loss}; lower optimizer.lr, set train.clip_norm (such as 1.0), or use precision fp32"
        )
    return loss
