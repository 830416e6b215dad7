"""One epoch of training, one pass of scoring. Everything that they use is handed to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader
from tqdm import tqdm

from engine.device import Runtime
from engine.distributed import ALONE, Ranks, unreduced
from engine.divergence import UpdateGuard
from engine.loss_scaling import LossScaling
from engine.progress import Counts, EpochProgress, MeanLosses
from inference.masks import Decision, to_masks
from system.seeding import seed_step

NO_SCALING = LossScaling()


class Criterion(Protocol):
    """A loss that knows which of a network's outputs counts as its answer, and the terms of its last value."""

    term_values: Mapping[str, Tensor]  # name → detached scalar; empty for a single term; `train_step` may set it

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
    scaling: LossScaling = NO_SCALING,
    parts: Sequence[int] | None = None,
    weight: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """One update of the weights.

    Args:
        images: [N, C, H, W] float32, normalised, on the runtime's device.
        target: [N, K, H, W] float32 {0, 1}, or [N, H, W] int64 class indices in a multiclass task, likewise.
        clip_norm: the gradient's 2-norm is scaled down to this where it is larger.
        before_update: called with the loss and the gradient's 2-norm, two scalars on the device; may raise.
        scaling: of the loss, for float16.
        parts: images of each part that goes through the network, one after the other, so that only one needs memory;
            None for the whole.
        weight: of this rank's gradient in the mean over the ranks.

    Returns:
        The loss, a scalar, and the logits [N, K, H, W] it was computed from, both detached and on the device.
    """
    optimizer.zero_grad(set_to_none=True)
    means, predictions, parts = {}, [], parts or [len(images)]
    for number, (part, part_target) in enumerate(zip(images.split(parts), target.split(parts), strict=True), start=1):
        with unreduced(model, unless=number == len(parts)):
            with runtime.autocast():
                outputs = model(part)
            outputs = outputs.float() if isinstance(outputs, Tensor) else [logits.float() for logits in outputs]
            loss, share = criterion(outputs, part_target), len(part) / len(images)
            # A loss that is no number makes the gradients of all ranks none, so that they end in the same step.
            scaling.scaled(loss * (weight * share + 0 * loss.detach())).backward()
        for name, value in {"loss": loss, **criterion.term_values}.items():
            means[name] = means.get(name, 0) + share * value.detach()
        predictions.append(criterion.prediction(outputs).detach())
    loss, criterion.term_values = means.pop("loss"), means
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    scaling.unscale_(gradients)
    gradient_norm = nn.utils.get_total_norm(gradients)
    if clip_norm is not None:
        nn.utils.clip_grads_with_norm_(model.parameters(), clip_norm, gradient_norm)
    before_update(loss, gradient_norm)
    scaling.step(optimizer, loss, gradient_norm)
    return loss, torch.cat(predictions)


def train_epoch(
    model: nn.Module,
    loader: DataLoader,
    criterion: Criterion,
    optimizer: optim.Optimizer,
    progress: EpochProgress,
    *,
    runtime: Runtime,
    seed: int = 0,
    clip_norm: float | None = None,
    guard: UpdateGuard | None = None,
    after_step: Callable[[], None] = lambda: None,
    decide: Decision = to_masks,
    scaling: LossScaling = NO_SCALING,
    share_of: Callable[[int], tuple[list[int] | None, float]] = lambda step: (None, 1.0),
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Trains on every batch of `loader`; losses and predictions made on the way are added to `progress`.

    Args:
        progress: of this epoch; where it has steps already, `loader` gives the batches after them.
        seed: of the network's own randomness, such as dropout; each step of each epoch draws from one of its own.
        guard: keeps a loss or gradient that is not finite away from the weights.
        after_step: called when a step is done and counted; may save the training as it is, and may raise.
        decide: turns logits into those predictions, see `inference.masks.decision`.
        scaling: of the loss, for float16.
        share_of: number of the step, from 0 → parts and weight of `train_step`.
        ranks: at the end, losses and predictions become those of all of them.

    Returns:
        The mean loss per image of the whole epoch as "loss", and the terms of a weighted sum by their names.

    Raises:
        DivergedError: that mean, or under `guard` any loss or gradient, is not finite.
    """
    model.train()
    batches = tqdm(loader, "train", leave=False, disable=None, initial=progress.steps)
    for images, target in progress.waiting_for(batches):
        images, target = runtime.move(images, target)
        seed_step(seed, progress.epoch, progress.steps, rank=ranks.rank)
        parts, weight = share_of(progress.steps)
        stepping = {"clip_norm": clip_norm, "scaling": scaling, "parts": parts, "weight": weight}
        if guard is not None:
            stepping["before_update"] = guard.watching(progress.steps, images, target)
        loss, logits = train_step(model, criterion, optimizer, images, target, runtime=runtime, **stepping)
        progress.losses.add(loss, criterion.term_values, images=len(images))
        progress.counts.update(decide(logits), target)
        progress.steps += 1
        after_step()
    if guard is not None:
        guard.settle()
    ranks.pool(progress.losses, progress.counts)
    return progress.losses.compute("training")


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
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Scores every batch of `loader` into `counts`; train.py and val.py both score with this.

    Of several ranks each has a part of the set, and all get the whole set's losses and counts; the running statistics
    are the first rank's.

    Args:
        decide: turns logits into predictions, see `inference.masks.decision`.
        on_logits: called with each batch's logits, [N, K, H, W] float32 on the device.

    Returns:
        The mean loss per image as "loss", and the terms of a weighted sum by their names.
    """
    model.eval()
    ranks.share_buffers(model)
    losses = MeanLosses()
    for images, target in tqdm(loader, "score", leave=False, disable=None):
        images, target = runtime.move(images, target)
        with runtime.autocast():
            outputs = model(images)
        logits = criterion.prediction(outputs).float()
        losses.add(criterion(logits, target), criterion.term_values, images=len(images))
        counts.update(decide(logits), target)
        on_logits(logits)
    ranks.pool(losses, counts)
    return losses.compute("validation")
