"""Decoded samples, and what of them training and scoring see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from datasets.augment import Augmentation
from datasets.crop import random_crop
from datasets.folder import Sample, read_sample
from datasets.image_reader import ImageReader
from datasets.normalise import Normalisation
from datasets.resize import resize_image, resize_mask
from engine.seeding import sample_seed

CACHE_BYTES = 4 * 2**30  # decoded samples are kept in memory up to this


class Samples:
    """Decoded samples, at native size or resized, kept in memory as long as they fit.

    Args:
        samples: files.
        reader: the run's way of reading images.
        size: (height, width) that all are resized to; None keeps their own.
        mask_threshold: for soft masks, in units of their full range.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        reader: ImageReader,
        *,
        size: tuple[int, int] | None,
        mask_threshold: float | None = None,
    ) -> None:
        self.samples, self.reader, self.size, self.mask_threshold = list(samples), reader, size, mask_threshold
        self.image_sizes: dict[int, tuple[int, int]] = {}
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self.samples)

    def at_file_size(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """`samples[index]` before any resizing, read anew."""
        return read_sample(self.samples[index], self.reader, mask_threshold=self.mask_threshold)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image [H, W, C] uint8 and masks [H, W, K] uint8 {0, 1}."""
        if index in self._kept:
            return self._kept[index]
        image, masks = self.at_file_size(index)
        self.image_sizes[index] = image.shape[:2]
        if self.size is not None:
            image = resize_image(image, self.size)
            masks = np.stack([resize_mask(masks[..., k], self.size) for k in range(masks.shape[-1])], axis=-1)
        if self._kept_bytes + image.nbytes + masks.nbytes <= CACHE_BYTES:
            self._kept[index] = image, masks
            self._kept_bytes += image.nbytes + masks.nbytes
        return image, masks


class TrainingSet(Dataset):
    """(epoch, index) → augmented, normalised image [C, H, W] float32 and target [K, H, W] float32 {0, 1}.

    With `crop` = (height, width), each image counts `crops_per_image` times, each time with another window of it.
    """

    def __init__(
        self,
        samples: Samples,
        normalise: Normalisation,
        augment: Augmentation | None,
        *,
        seed: int,
        crop: tuple[int, int] | None = None,
        crops_per_image: int = 1,
    ) -> None:
        self.samples, self.normalise, self.augment, self.seed = samples, normalise, augment, seed
        self.crop, self.crops_per_image = crop, crops_per_image

    def __len__(self) -> int:
        return len(self.samples) * self.crops_per_image

    def id_of(self, key: tuple[int, int]) -> str:
        """The image that `key` is taken from."""
        return self.samples.samples[key[1] // self.crops_per_image].id

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key
        image, masks = self.samples[index // self.crops_per_image]
        if self.crop is not None:
            image, masks = random_crop(image, masks, self.crop, seed=sample_seed(self.seed, epoch, index, "crop"))
        if self.augment is not None:
            image, masks = self.augment(image, masks, seed=sample_seed(self.seed, epoch, index, "augment"))
        return self.normalise(image), _target(masks)


class ScoringSet(Dataset):
    """index → normalised image [C, H, W] float32 and target [K, H, W] float32 {0, 1}."""

    def __init__(self, samples: Samples, normalise: Normalisation) -> None:
        self.samples, self.normalise = samples, normalise

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image, masks = self.samples[index]
        return self.normalise(image), _target(masks)


def _target(masks: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(masks.transpose(2, 0, 1))).float()
