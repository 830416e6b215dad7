"""The two loops: one epoch of training, and one pass of scoring. Everything that they use is handed to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import Protocol

import torch
from torch import Tensor, nn

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


class ScoringLoader(Protocol):
    """Gives the batches of a set that is scored, such as a DataLoader; its `sampler` has one entry for each sample."""

    sampler: Sized

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor] | tuple[list[Tensor], list[Tensor]]]: ...


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
    loader: ScoringLoader,
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
        model: images [N, C, H, W] → logits [N, C, H, W], in eval mode; lists of them, if the loader gives lists.
        loader: gives (images, target), or lists of them that go through the model together; see `scoring_loader`.
        criterion: computes the loss. Without it the result is empty.
        decide: logits [N, C, *space] → bool predictions [N, K, *space], such as `Task.decide`.
        objects: scores the cells of each image, too.
        on_logits: called with the logits of each batch, [N, C, H, W] float32 on the device, in the order of the set.

    Returns:
        The mean loss per image as "loss", and the terms of a weighted sum by their names.
    """
    model.eval()
    ranks.share_buffers(model)
    losses = MeanLosses()
    for logits, target in _scored(model, loader, runtime):
        if criterion is not None:
            losses.add(criterion(logits, target), criterion.term_values, images=len(logits))
        counts.update(decide(logits), target)
        if objects is not None:
            objects.update(logits)
        on_logits(logits)
    ranks.pool(losses, counts, *([] if objects is None else [objects]))
    return {} if criterion is None else losses.compute("validation")


def _scored(model: nn.Module, loader: ScoringLoader, runtime: Runtime) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields logits [N, C, H, W] float32 and their target, in the order of the set."""
    with progress_bar(title="score", total=len(loader.sampler)) as bar:
        for images, target in loader:
            several = isinstance(images, list)
            images, target = (runtime.move_list if several else runtime.move)(images, target)
            with runtime.autocast():
                found = model(images)
            for logits, own in zip(found, target, strict=True) if several else [(found, target)]:
                yield logits.float(), own
                bar.update(len(logits))
