"""Samples at network size for the loaders of training and scoring."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from datasets.augment import Augmentation
from datasets.folder import Sample, read_sample
from datasets.normalise import Normalisation
from datasets.resize import resize_image, resize_mask
from engine.seeding import epoch_order, sample_seed

CACHE_BYTES = 4 * 2**30  # decoded samples are kept in memory up to this


class ResizedSamples:
    """Decoded samples, resized to `size` = (height, width) and kept in memory where all of them fit."""

    def __init__(self, samples: Sequence[Sample], size: tuple[int, int]) -> None:
        self.samples = list(samples)
        self.size = size
        channels = 3 + (len(self.samples[0].masks) if self.samples else 0)
        self.cached = len(self.samples) * size[0] * size[1] * channels <= CACHE_BYTES
        self.image_sizes: dict[int, tuple[int, int]] = {}
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def square(self) -> bool:
        return self.size[0] == self.size[1]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image [H, W, 3] uint8 and masks [H, W, K] uint8 {0, 1} at network size."""
        if index in self._kept:
            return self._kept[index]
        image, masks = read_sample(self.samples[index])
        self.image_sizes[index] = image.shape[:2]
        pair = (
            resize_image(image, self.size),
            np.stack([resize_mask(masks[..., k], self.size) for k in range(masks.shape[-1])], axis=-1),
        )
        if self.cached:
            self._kept[index] = pair
        return pair


class TrainingSet(Dataset):
    """(epoch, index) → augmented, normalised image [C, H, W] float32 and target [K, H, W] float32 {0, 1}."""

    def __init__(
        self, samples: ResizedSamples, normalise: Normalisation, augment: Augmentation | None, *, seed: int
    ) -> None:
        self.samples, self.normalise, self.augment, self.seed = samples, normalise, augment, seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        image, masks = self.samples[index]
        if self.augment is not None:
            image, masks = self.augment(image, masks, seed=sample_seed(self.seed, epoch, index))
        return self.normalise(image), _target(masks)


class ScoringSet(Dataset):
    """index → normalised image [C, H, W] float32 and target [K, H, W] float32 {0, 1}."""

    def __init__(self, samples: ResizedSamples, normalise: Normalisation) -> None:
        self.samples, self.normalise = samples, normalise

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, masks = self.samples[index]
        return self.normalise(image), _target(masks)


def _target(masks: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(masks.transpose(2, 0, 1))).float()


class EpochBatches:
    """Batches of (epoch, index) in an order that is a function of (seed, epoch); set `epoch` before iterating.

    No sample is dropped. A last batch of a single sample joins the one before it: batch norm cannot use it alone.
    """

    def __init__(self, count: int, batch_size: int, *, seed: int) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.epoch = 0

    def __len__(self) -> int:
        single = self.count % self.batch_size == 1 and self.batch_size > 1 and self.count > 1
        return -(-self.count // self.batch_size) - single

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        order = [(self.epoch, index) for index in epoch_order(self.seed, self.epoch, self.count)]
        for number in range(len(self)):
            last = number == len(self) - 1
            yield order[number * self.batch_size : None if last else (number + 1) * self.batch_size]


def _single_threaded(worker: int) -> None:
    cv2.setNumThreads(0)  # the workers are the parallelism


def training_loader(
    samples: ResizedSamples,
    normalise: Normalisation,
    augment: Augmentation | None,
    *,
    seed: int,
    batch_size: int,
    workers: int,
    pin_memory: bool,
) -> DataLoader:
    """The loader of the training loop; `loader.batch_sampler.epoch = n` chooses the epoch."""
    return DataLoader(
        TrainingSet(samples, normalise, augment, seed=seed),
        batch_sampler=EpochBatches(len(samples), batch_size, seed=seed),
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_single_threaded,
        pin_memory=pin_memory,
    )


def scoring_loader(
    samples: ResizedSamples, normalise: Normalisation, *, batch_size: int, pin_memory: bool
) -> DataLoader:
    """All samples in their order, none dropped; nothing is augmented, so that workers would only cost."""
    return DataLoader(ScoringSet(samples, normalise), batch_size=batch_size, pin_memory=pin_memory)
