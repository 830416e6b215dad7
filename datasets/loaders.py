"""The loaders of training and scoring."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader

from datasets.augment import Augmentation
from datasets.batch_augment import BatchAugmentation
from datasets.device_loader import DeviceLoader
from datasets.device_samples import keep_on_device
from datasets.normalise import Normalisation
from datasets.samples import Samples, ScoringSet, TrainingSet
from datasets.workers import TrainingLoader, choose_workers
from engine.seeding import epoch_order


class EpochBatches:
    """Batches of (epoch, index) in an order that is a function of (seed, epoch); set `epoch` before iterating, and
    `done` to pass over so many batches.

    A batch is at most all samples, and no sample is dropped. A last batch of a single sample joins the one before it:
    batch norm cannot use it alone.
    """

    def __init__(self, count: int, batch_size: int, *, seed: int) -> None:
        self.count, self.batch_size, self.seed = count, min(batch_size, count), seed
        self.epoch = self.done = 0

    def __len__(self) -> int:
        single = self.count % self.batch_size == 1 and self.batch_size > 1 and self.count > 1
        return -(-self.count // self.batch_size) - single

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        return itertools.islice(self._batches(), self.done, None)

    def batch(self, number: int) -> list[tuple[int, int]]:
        """The batch of that number in this epoch, from 0."""
        return next(itertools.islice(self._batches(), number, None))

    def _batches(self) -> Iterator[list[tuple[int, int]]]:
        order = [(self.epoch, index) for index in epoch_order(self.seed, self.epoch, self.count)]
        for number in range(len(self)):
            last = number == len(self) - 1
            yield order[number * self.batch_size : None if last else (number + 1) * self.batch_size]


def training_loader(
    samples: Samples,
    normalise: Normalisation,
    *,
    augment: bool,
    crop: tuple[int, int] | None,
    crops_per_image: int,
    seed: int,
    batch_size: int,
    workers: int | str,
    pin_memory: bool,
    on_device: bool | str = False,
    device: torch.device | str = "cpu",
) -> TrainingLoader | DeviceLoader:
    """The loader of the training loop; `loader.start(epoch=n)` chooses the epoch.

    Args:
        augment: whether samples are changed at random.
        crop, crops_per_image: see `TrainingSet`.
        seed: of order, windows and changes.
        workers: processes that prepare batches, or "auto"; they do not change what comes.
        on_device: whether samples are kept, cut and changed on the device, or "auto"; its changes are other draws.
        device: of the training.

    Raises:
        ConfigError: the samples do not fit on the device.
    """
    device, (height, width) = torch.device(device), samples.size or crop
    on_device = keep_on_device(on_device, samples, (height, width), device)
    kind = BatchAugmentation if on_device else Augmentation
    change = kind(square=height == width, colour=samples.reader.channels == 3) if augment else None
    sampling = {"seed": seed, "crop": crop, "crops_per_image": crops_per_image}
    dataset = TrainingSet(samples, normalise, None if on_device else change, **sampling)
    batches = EpochBatches(len(dataset), batch_size, seed=seed)
    if on_device:
        return DeviceLoader(dataset, batches, change, device=device)
    if workers == "auto":
        sample_bytes = sum(tensor.nbytes for tensor in dataset[0, 0])
        workers = choose_workers(on_gpu=device.type != "cpu", batch_bytes=batches.batch_size * sample_bytes)
    return TrainingLoader(dataset, batches, workers=workers, pin_memory=pin_memory)


def scoring_loader(samples: Samples, normalise: Normalisation, *, batch_size: int, pin_memory: bool) -> DataLoader:
    """All samples in their order, none dropped; one by one at native size, where their shapes differ."""
    batch_size = 1 if samples.size is None else batch_size
    return DataLoader(ScoringSet(samples, normalise), batch_size=batch_size, pin_memory=pin_memory)
