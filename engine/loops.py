"""The two loops: one epoch of training, and one pass of scoring. Everything that they use is handed to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from engine.device import Runtime
from engine.distributed import ALONE, Ranks
from engine.progress import Counts, MeanLosses, ObjectCounts
from engine.training import Criterion, Training
from system.progress_bar import progress_bar


class TrainingLoader(Protocol):
    """An object that gives the batches of each epoch, such as `datasets.loading.epoch_loader.EpochLoader`."""

    def start(self, *, epoch: int, done: int) -> None: ...

    def micro_batches(self, step: int) -> tuple[list[int], float]: ...

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]: ...

    def __len__(self) -> int: ...


def train_epoch(
    training: Training, loader: TrainingLoader, *, after_step: Callable[[], None] = lambda: None
) -> dict[str, float]:
    """Trains on every batch of the current epoch. After a stop, it trains on the batches that are left of it.

    Args:
        after_step: called when a step is done and counted. It may save the training as it is, and it may raise.

    Returns:
        The mean loss per image over the whole epoch and all ranks, as "loss", and the terms of a weighted sum by
        their names.

    Raises:
        DivergedError: this mean, or the loss or gradient of a step, is not finite.
    """
    progress = training.progress
    training.history.start_epoch()
    loader.start(epoch=progress.epoch, done=progress.steps)
    training.network.train()
    batches = progress_bar(loader, "train", done=progress.steps)
    for images, target in progress.waiting_for(batches):
        training.step(images, target, *loader.micro_batches(progress.steps))
        after_step()
    training.guard.settle()
    training.ranks.pool(progress.losses, progress.counts)
    losses = progress.losses.compute("training")
    training.measure_statistics()
    training.history.end_training(
        images=progress.losses.images - progress.images_before, waited=progress.seconds_waited
    )
    return losses


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    loader: DataLoader,
    counts: Counts,
    *,
    criterion: Criterion | None = None,
    runtime: Runtime,
    decide: Callable[[Tensor], Tensor],
    objects: ObjectCounts | None = None,
    on_logits: Callable[[Tensor], None] = lambda logits: None,
    ranks: Ranks = ALONE,
) -> dict[str, float]:
    """Scores every batch of `loader` and adds the result to `counts`. Both train.py and val.py score with this.

    If there are several ranks, each scores its own share of the set, and all get the losses and counts of the whole
    set. All use the running statistics of the first rank.

    Args:
        model: images [N, C, H, W] → logits [N, C, H, W], in eval mode.
        criterion: computes the loss. Without it the result is empty.
        decide: logits [N, C, *space] → bool predictions [N, K, *space], such as `Task.decide`.
        objects: scores the cells of each image, too.
        on_logits: called with the logits of each batch, [N, C, H, W] float32 on the device.

    Returns:
        The mean loss per image as "loss", and the terms of a weighted sum by their names.
    """
    model.eval()
    ranks.share_buffers(model)
    losses = MeanLosses()
    for images, target in progress_bar(loader, "score"):
        images, target = runtime.move(images, target)
        with runtime.autocast():
            logits = model(images)
        logits = logits.float()
        if criterion is not None:
            losses.add(criterion(logits, target), criterion.term_values, images=len(images))
        counts.update(decide(logits), target)
        if objects is not None:
            objects.update(logits)
        on_logits(logits)
    ranks.pool(losses, counts, *([] if objects is None else [objects]))
    return {} if criterion is None else losses.compute("validation")
