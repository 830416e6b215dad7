"""Loads the batches of a training from samples that are kept on the device and augmented there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Sampler

from datasets.batch_augment import BatchAugmentation
from datasets.crop import random_corner
from datasets.loading.device_samples import DeviceSamples, send
from datasets.loading.epoch_loader import EpochLoader
from datasets.loading.training_set import TrainingSet
from system.seeding import sample_numbers, sample_seed


class DeviceLoader(EpochLoader):
    """Does what `TrainingLoader` does, but with samples on a device.

    Order and windows are the same; the random changes are drawn differently. A batch is images [N, C, H, W] float32,
    normalised, in channels-last layout, and their target (see `Task.to_tensor`), both on the device. Nothing waits for
    the device.

    Attributes:
        description: says where the samples are and how they are augmented, for the line `load` of a run.

    Args:
        source: gives the samples, the seed, the windows and the normalisation. Its own augmentation is not used.
        batches: yields the keys of each batch, as for `TrainingLoader`.
        augment: the random changes; None for none.
        device: the device that the samples are put on.
    """

    def __init__(
        self, source: TrainingSet, batches: Sampler, augment: BatchAugmentation | None, *, device: torch.device
    ) -> None:
        self.source, self.batch_sampler, self.augment, self.device = source, batches, augment, device
        self.samples = DeviceSamples(source.samples, source.window, device)
        self._scale, self._shift = (factor.to(device) for factor in source.normalise.factors)

    @property
    def description(self) -> str:
        how = "augmented there in batches, with draws of its own" if self.augment else "not augmented"
        return f"{len(self.samples.sizes)} samples kept on {self.device}, {self.samples.nbytes / 2**20:,.1f} MiB; {how}"

    def __len__(self) -> int:
        return len(self.batch_sampler)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return map(self._batch, self.batch_sampler)

    def _batch(self, keys: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        indices = [self.source.image_of(key) for key in keys]
        corners = [self._corner(key, index) for key, index in zip(keys, indices, strict=True)]
        if self.augment is None:
            images, target = self.samples.windows(indices, corners)
        else:
            drawing = {"purpose": "augment", "count": self.augment.NUMBERS}
            numbers = np.stack([sample_numbers(self.source.seed, *key, **drawing) for key in keys])
            images, target = self.samples.windows(indices, corners, self.augment.symmetries(numbers))
        images = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.channels_last)
        if self.augment is not None:
            images = self.augment.change(images, send(self.augment.colour_changes(numbers), self.device))
        # These are two steps, each with a rounding, as on the host; so the bits are the same.
        return images.mul_(self._scale).sub_(self._shift), self.source.samples.task.batch_to_tensor(target)

    def _corner(self, key: tuple[int, int], index: int) -> tuple[int, int]:
        if self.source.crop is None:
            return 0, 0
        seed = sample_seed(self.source.seed, *key, "crop")
        return random_corner(self.samples.sizes[index], self.source.crop, seed=seed)
