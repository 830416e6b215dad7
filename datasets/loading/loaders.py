"""Builds the loaders of training and scoring."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from datasets.augment import Augmentation
from datasets.batch_augment import BatchAugmentation
from datasets.draws.changes import Changes
from datasets.loading.device_loader import DeviceLoader
from datasets.loading.shares import Shares
from datasets.loading.training_set import TrainingSet
from datasets.loading.workers import TrainingLoader, choose_workers
from datasets.samples import Samples
from images.normalise import Normalisation
from system.errors import ConfigError
from system.seeding import epoch_order

PIXELS_TOGETHER = 2**18  # of the images at native size that are scored together


class EpochBatches:
    """Yields batches of (epoch, index) in an order that depends on (seed, epoch) alone.

    Set `epoch` before iterating, and set `done` to skip this number of batches.

    No sample is dropped, and a batch has at most as many samples as there are. A batch is cut into ranks × `accumulate`
    micro-batches. Batch norm cannot use a single sample. So if the last batch has fewer than two samples for some
    micro-batch, it is joined to the batch before it. (If all micro-batches are that small: if it has none.)

    Args:
        count: number of samples.
        rank, ranks: of every batch this rank gets its own stretch. All stretches together are the batch that a single
            rank would get.
        accumulate: number of micro-batches in each stretch.

    Raises:
        ConfigError: there are fewer samples than micro-batches.
    """

    def __init__(
        self, count: int, batch_size: int, *, seed: int, rank: int = 0, ranks: int = 1, accumulate: int = 1
    ) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self.rank, self.ranks, self.accumulate, self.pieces = rank, ranks, accumulate, ranks * accumulate
        self.epoch = self.done = 0
        if count < self.pieces:
            raise ConfigError(
                f"an epoch has {count} samples for {ranks} processes × train.accumulate {accumulate}; "
                f"lower them until their product is at most {count}, or raise data.crops_per_image"
            )

    def __len__(self) -> int:
        left = self.count % self.batch_size
        joins = left > 0 and left // self.pieces < min(2, self.batch_size // self.pieces)
        return -(-self.count // self.batch_size) - joins

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return itertools.islice(self._batches(), self.done, None)

    def batch(self, number: int) -> list[tuple[int, int]]:
        """Returns this rank's stretch of the batch with this number, from 0, in the current epoch."""
        return next(itertools.islice(self._batches(), number, None))

    def micro_batches(self, number: int) -> tuple[list[int], float]:
        """Returns the number of samples in each micro-batch of this rank, and the weight of this rank.

        The cuts between micro-batches are the same, whichever rank has a micro-batch. The weight is for the mean over
        this rank's samples: with it, the mean over the ranks is the mean over all samples of the batch.

        Args:
            number: the number of a batch in the current epoch, from 0.
        """
        start, stop = self._bounds(number)
        own = range(self.rank * self.accumulate, (self.rank + 1) * self.accumulate)
        lengths = [len(stretch(stop - start, piece, self.pieces)) for piece in own]
        return lengths, sum(lengths) * self.ranks / (stop - start)

    def _bounds(self, number: int) -> tuple[int, int]:
        last = number == len(self) - 1
        return number * self.batch_size, self.count if last else (number + 1) * self.batch_size

    def _batches(self) -> Iterator[list[tuple[int, int]]]:
        order = [(self.epoch, index) for index in epoch_order(self.seed, self.epoch, self.count)]
        for start, stop in map(self._bounds, range(len(self))):
            yield [order[start + position] for position in stretch(stop - start, self.rank, self.ranks)]


def stretch(count: int, rank: int, ranks: int) -> range:
    """Returns the rank's share of 0 … count − 1. The shares follow each other; their lengths differ by at most one."""
    return range(count * rank // ranks, count * (rank + 1) // ranks)


def training_loader(
    samples: Samples,
    normalise: Normalisation,
    *,
    augment: bool,
    changes: Changes | None = None,
    crop: tuple[int, int] | None,
    crops_per_image: int,
    shares: Shares | None = None,
    seed: int,
    batch_size: int,
    workers: int | str,
    pin_memory: bool,
    on_device: bool = False,
    device: torch.device | str = "cpu",
    accumulate: int = 1,
    rank: int = 0,
    ranks: int = 1,
) -> TrainingLoader | DeviceLoader:
    """Builds the loader of the training loop; `loader.start(epoch=n)` chooses the epoch.

    Args:
        augment: whether samples are changed at random.
        changes: what else is changed, besides flips, turns and colours; not on a device.
        crop, crops_per_image, shares: see `TrainingSet`.
        seed: the seed of the order, the windows and the random changes.
        workers: number of processes that prepare batches, or "auto"; the batches do not depend on it.
        on_device: whether samples are kept, cut and changed on the device. Its random changes are drawn differently.
        device: the device of the training.
        accumulate, rank, ranks: see `EpochBatches`.

    Raises:
        ConfigError: there are fewer samples than micro-batches, or a change needs RGB images.
    """
    device, (height, width) = torch.device(device), samples.size or crop
    square, colour = height == width, samples.reader.is_rgb
    changes = _possible(changes, samples)
    on_host = Augmentation(square=square, colour=colour, more=changes) if augment and not on_device else None
    dataset = TrainingSet(
        samples,
        normalise,
        on_host,
        seed=seed,
        crop=crop,
        crops_per_image=crops_per_image,
        scale=changes.scale,
        shares=shares,
    )
    batches = EpochBatches(len(dataset), batch_size, seed=seed, rank=rank, ranks=ranks, accumulate=accumulate)
    if on_device:
        change = BatchAugmentation(square=square, colour=colour) if augment else None
        return DeviceLoader(dataset, batches, change, device=device)
    if workers == "auto":
        pixels = -(-batches.batch_size // ranks) * height * width
        of_target = samples.task.to_tensor(np.zeros((1, 1, samples.target_channels), np.uint8))
        batch_bytes = pixels * (samples.reader.channels * torch.float32.itemsize + of_target.nbytes)
        workers = choose_workers(on_gpu=device.type != "cpu", batch_bytes=batch_bytes)
    return TrainingLoader(dataset, batches, workers=workers, pin_memory=pin_memory)


def _possible(changes: Changes | None, samples: Samples) -> Changes:
    """Returns the changes, unless they need colours that the samples lack."""
    changes = Changes() if changes is None else changes
    if changes.needing_colour and not samples.reader.is_rgb:
        raise ConfigError(
            f"data.augment: {' and '.join(changes.needing_colour)} need RGB images, and these are read with "
            f"{samples.reader.channels} channel(s); leave these keys out, or "
            "set data.channels: 3, which reads grey images as RGB"
        )
    return changes


class BatchesOfAnySize:
    """Batches of samples of any sizes, in their order: lists of images [1, C, H, W] and of their targets.

    Args:
        samples: a loader that gives one sample at a time.
        pixels: most pixels of the images of a batch together; a larger image is a batch by itself.

    Attributes:
        sampler: the keys of all samples.
    """

    def __init__(self, samples: DataLoader, *, pixels: int) -> None:
        self._samples, self._pixels, self.sampler = samples, pixels, samples.sampler

    def __iter__(self) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
        images, targets, pixels = [], [], 0
        for image, target in self._samples:
            own = image.shape[-2] * image.shape[-1]
            if images and pixels + own > self._pixels:
                yield images, targets
                images, targets, pixels = [], [], 0
            images, targets, pixels = [*images, image], [*targets, target], pixels + own
        if images:
            yield images, targets


def scoring_loader(
    samples: Samples,
    normalise: Normalisation,
    *,
    batch_size: int,
    pin_memory: bool,
    indices: Sequence[int] | None = None,
    rank: int = 0,
    ranks: int = 1,
) -> DataLoader | BatchesOfAnySize:
    """Builds a loader of all samples in their order, or of those with these indices; none is dropped.

    At native size the shapes differ, so that a batch is a list, and `batch_size` is not used. If there are several
    ranks, each gets its own stretch of the samples, which may be empty.
    """
    indices = range(len(samples)) if indices is None else indices
    native = samples.size is None
    dataset = TrainingSet(samples, normalise, None, seed=0)  # nothing is random, so any seed gives the same
    keys = [(0, indices[place]) for place in stretch(len(indices), rank, ranks)]
    loader = DataLoader(dataset, batch_size=1 if native else batch_size, sampler=keys, pin_memory=pin_memory)
    return BatchesOfAnySize(loader, pixels=PIXELS_TOGETHER) if native else loader


def unchanged_batches(
    samples: Samples,
    normalise: Normalisation,
    *,
    crop: tuple[int, int] | None,
    crops_per_image: int,
    seed: int,
    batch_size: int,
    count: int,
) -> DataLoader:
    """Builds a loader of `count` batches of training samples without random changes: the same ones each time.

    There are fewer batches if an epoch has fewer whole ones, but at least one.
    """
    dataset = TrainingSet(samples, normalise, None, seed=seed, crop=crop, crops_per_image=crops_per_image)
    order = epoch_order(seed, 0, len(dataset))  # epochs of a training begin at 1
    starts = range(0, len(order) - batch_size + 1, batch_size) or [0]
    keys = [[(0, index) for index in order[start : start + batch_size]] for start in list(starts)[:count]]
    return DataLoader(dataset, batch_sampler=keys)
