"""One epoch of training, one pass of scoring. Everything that they use is handed to them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine.device import Runtime
from engine.errors import DivergedError
from inference.masks import Decision, to_masks


class Criterion(Protocol):
    """A loss that knows which of a network's outputs counts as its answer, and the terms of its last value."""

    parts: Mapping[str, Tensor]  # name → detached scalar; empty where there is a single term

    def __call__(self, outputs: object, target: Tensor) -> Tensor: ...

    def prediction(self, outputs: object) -> Tensor: ...


class Counts(Protocol):
    """Anything that counts hard predictions, such as `metrics.SegmentationCounts`."""

    def update(self, prediction: Tensor, target: Tensor) -> None: ...


class MeanLosses:
    """Adds up a loss and its terms on the device; the only wait for it is in `compute`."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._sums: dict[str, Tensor] = {}
        self._images = 0

    def add(self, loss: Tensor, parts: Mapping[str, Tensor], *, images: int) -> None:
        """A batch's mean loss and its terms, all scalars."""
        for name, value in {"loss": loss, **parts}.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach().to(self._dtype) * images
        self._images += images

    def compute(self, phase: str) -> dict[str, float]:
        """Means per image: "loss", and each term by its name, before its factor.

        Raises:
            DivergedError: the loss of the phase, "training" or "validation", is not finite.
        """
        means = (torch.stack(list(self._sums.values())) / self._images).tolist()
        _check_finite(means[0], phase)
        return dict(zip(self._sums, means, strict=True))


def train_step(
    model: nn.Module,
    criterion: Criterion,
    optimizer: optim.Optimizer,
    images: Tensor,
    target: Tensor,
    *,
    runtime: Runtime,
    clip_norm: float | None = None,
) -> tuple[Tensor, Tensor]:
    """One update of the weights.

    Args:
        images: [N, C, H, W] float32, normalised, on the runtime's device.
        target: [N, K, H, W] float32 {0, 1}, or [N, H, W] int64 class indices in a multiclass task, likewise.
        clip_norm: the gradient's 2-norm is scaled down to this where it is larger.

    Returns:
        The loss, a scalar, and the logits [N, K, H, W] it was computed from, both detached and on the device.
    """
    optimizer.zero_grad(set_to_none=True)
    with runtime.autocast():
        outputs = model(images)
    outputs = outputs.float() if isinstance(outputs, Tensor) else [logits.float() for logits in outputs]
    loss = criterion(outputs, target)
    loss.backward()
    if clip_norm is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
    optimizer.step()
    return loss.detach(), criterion.prediction(outputs).detach()


def train_epoch(
    model: nn.Module,
    loader: DataLoader,
    criterion: Criterion,
    optimizer: optim.Optimizer,
    counts: Counts,
    *,
    runtime: Runtime,
    clip_norm: float | None = None,
    after_step: Callable[[], None] = lambda: None,
    decide: Decision = to_masks,
) -> dict[str, float]:
    """Trains on every batch of `loader`; the predictions made on the way are added to `counts`.

    Args:
        decide: turns logits into those predictions, see `inference.masks.decision`.

    Returns:
        The mean loss per image as "loss", and the terms of a weighted sum by their names.

    Raises:
        DivergedError: the loss is not finite.
    """
    model.train()
    losses = MeanLosses(runtime.widest)
    for images, target in tqdm(loader, "train", leave=False, disable=None):
        images, target = runtime.move(images, target)
        loss, logits = train_step(model, criterion, optimizer, images, target, runtime=runtime, clip_norm=clip_norm)
        after_step()
        losses.add(loss, criterion.parts, images=len(images))
        counts.update(decide(logits), target)
    return losses.compute("training")


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    criterion: Criterion,
    counts: Counts,
    *,
    runtime: Runtime,
    decide: Decision = to_masks,
    on_logits: Callable[[Tensor], None] = lambda logits: None,
) -> dict[str, float]:
    """Scores every batch of `loader` into `counts`; train.py and val.py both score with this.

    Args:
        decide: turns logits into predictions, see `inference.masks.decision`.
        on_logits: called with each batch's logits, [N, K, H, W] float32 on the device.

    Returns:
        The mean loss per image as "loss", and the terms of a weighted sum by their names.
    """
    model.eval()
    losses = MeanLosses(runtime.widest)
    for images, target in tqdm(loader, "score", leave=False, disable=None):
        images, target = runtime.move(images, target)
        with runtime.autocast():
            outputs = model(images)
        logits = criterion.prediction(outputs).float()
        losses.add(criterion(logits, target), criterion.parts, images=len(images))
        counts.update(decide(logits), target)
        on_logits(logits)
    return losses.compute("validation")


def _check_finite(loss: float, phase: str) -> None:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the {phase} loss is {loss}; lower optimizer.lr, set train.clip_norm (such as 1.0), or use precision fp32"
        )
