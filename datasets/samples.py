"""Decoded samples, and the set that training and scoring read from them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from datasets.augment import Augmentation
from datasets.crop import random_crop
from datasets.folder.data_folder import Sample, read_sample
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.resize import resize_image
from system.seeding import sample_seed
from tasks.task import Task
from tasks.truth import LabelMaps

CACHE_BYTES = 4 * 2**30  # decoded samples are kept in memory up to this


class Samples:
    """Decoded samples, at native size or resized, kept in memory as long as they fit.

    Args:
        samples: the files of each.
        reader: reads the images as all of the run are read.
        task: reads and encodes their truth.
        size: (height, width) that all are resized to; None keeps their own.
    """

    def __init__(
        self, samples: Sequence[Sample], reader: ImageReader, task: Task, *, size: tuple[int, int] | None
    ) -> None:
        self.samples, self.reader, self.task, self.size = list(samples), reader, task, size
        self.image_sizes: dict[int, tuple[int, int]] = {}
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def in_memory(self) -> int:
        """How many of the samples read so far are kept; the others are read again each time."""
        return len(self._kept)

    def size_of(self, index: int) -> tuple[int, int]:
        """(height, width) of `self[index]`; reads it only where its size is not known yet."""
        if self.size is None and index not in self.image_sizes:
            self[index]
        return self.size or self.image_sizes[index]

    def at_file_size(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """`samples[index]` before any resizing, read again: image [H, W, C] uint8 and encoded target."""
        image, truth = read_sample(self.samples[index], self.reader, self.task.truth)
        height, width = self.size or image.shape[:2]
        magnification = math.sqrt(image.shape[0] * image.shape[1] / (height * width))
        return image, self.task.encode(truth, magnification=magnification)

    def labels(self, index: int, *, at_file_size: bool = False) -> np.ndarray:
        """The label map of `samples[index]`, read again: [H, W] integers, as the network sees it or at its own size.

        Raises:
            FileError: the file cannot be used, or it has another size than its image.
        """
        if index not in self.image_sizes:
            self[index]
        path = self.samples[index].labels
        shape, truth = self.image_sizes[index], LabelMaps(path.parent)
        labels = truth.read([path], like="its image", shape=shape, max_pixels=self.reader.max_pixels)
        return (labels if at_file_size or self.size is None else truth.resize(labels, self.size))[..., 0]

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Image [H, W, C] uint8 and encoded target (see `Task`) as the network sees them."""
        if index in self._kept:
            return self._kept[index]
        image, truth = read_sample(self.samples[index], self.reader, self.task.truth)
        self.image_sizes[index] = image.shape[:2]
        if self.size is not None:
            image, truth = resize_image(image, self.size), self.task.truth.resize(truth, self.size)
        masks = self.task.encode(truth)
        if self._kept_bytes + image.nbytes + masks.nbytes <= CACHE_BYTES:
            self._kept[index] = image, masks
            self._kept_bytes += image.nbytes + masks.nbytes
        return image, masks


class TrainingSet(Dataset):
    """(epoch, index) → augmented, normalised image [C, H, W] float32 and target (see `Task.to_tensor`).

    With `crop` = (height, width), each image counts `crops_per_image` times, each time with another window of it.
    Without `augment` and `crop` the samples stay as they are; so they are scored.
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

    @property
    def window(self) -> tuple[int, int]:
        """(height, width) of every sample."""
        return self.samples.size or self.crop

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
        return self.normalise(image), self.samples.task.to_tensor(masks)
