"""Decoded samples, and the set that training and scoring read from them."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from datasets.folder.data_folder import Sample, read_sample
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.sample_statistics import sample_statistics, with_micrometres
from datasets.sample_store import Decoded, SampleStore
from images.image_reader import ImageReader
from images.resize import resize_image
from system.errors import FileError
from tasks.task import Task
from tasks.truth import LabelMaps


class Samples:
    """Decoded samples, at native size or resized. They are kept in memory as long as they fit, and then in files.

    Attributes:
        image_sizes: (height, width) of the images in their files, of those that are known.
        statistics: of the samples that are to be measured, as soon as they have been read.

    Args:
        samples: the files of each.
        reader: reads the images as all of the run are read.
        task: reads and encodes their truth.
        size: (height, width) that all are resized to; None keeps their own.
        memory: keeps decoded samples; None keeps none.
        store: keeps those that do not fit into the memory; None decodes them each time.
        opened: images that are decoded already.
        measured: numbers of the samples whose statistics are measured while they are decoded.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        reader: ImageReader,
        task: Task,
        *,
        size: tuple[int, int] | None,
        memory: SampleMemory | None = None,
        store: SampleStore | None = None,
        opened: OpenedImages | None = None,
        measured: Collection[int] = (),
    ) -> None:
        self.samples, self.reader, self.task, self.size = list(samples), reader, task, size
        self.memory, self.store, self.opened = memory, store, opened
        self.image_sizes: dict[int, tuple[int, int]] = {}
        self.measured, self.statistics = frozenset(measured), {}
        # The bytes of each sample in memory: 1 when all have been written, then the image, then the target.
        self._rooms: dict[int, np.ndarray] = {}
        self._target_channels: int | None = None
        self._usual = 1  # bytes of the sample that was decoded last

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def in_memory(self) -> int:
        """How many samples have a place in memory; the others are read again each time."""
        return len(self._rooms)

    @property
    def target_channels(self) -> int:
        """The number of channels of the encoded targets; reads a sample if it is not known yet."""
        if self._target_channels is None:
            self._target_channels = self[0][1].shape[-1]
        return self._target_channels

    def expect(self, image_sizes: np.ndarray, target_channels: int) -> None:
        """Takes the sizes of all images, [samples, 2], from an earlier start, and reserves their places in memory.

        Whichever process needs a sample first decodes it into its place, where processes that are forked meanwhile find
        it, too.
        """
        self.image_sizes = dict(enumerate(map(tuple, image_sizes.tolist())))
        self._target_channels = target_channels
        for index in range(len(self)):
            self._reserve(index)

    def take_statistics(self) -> list[dict[str, float]]:
        """Returns the statistics of the samples that were measured, in their order, and measures no more.

        Each of them must have been read.
        """
        numbers, self.measured = sorted(self.measured), frozenset()
        return [self._in_micrometres(index, self.statistics.pop(index)) for index in numbers]

    def _in_micrometres(self, index: int, statistics: dict[str, float]) -> dict[str, float]:
        path, size = self.samples[index].image, self.size_of(index)
        return with_micrometres(statistics, path, file_size=self.image_sizes[index], size=size)

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
        """Image [H, W, C] uint8 and encoded target (see `Task`) as the network sees them.

        Raises:
            FileError: a file cannot be used, or its image has another size than `expect` was given.
        """
        room = self._rooms.get(index)
        if room is not None and room[0]:
            return self._views(index)
        image, target, size, statistics = self._stored(index) if room is None else self._decoded(index)
        if index in self.measured:
            self.statistics[index] = statistics
        if self.image_sizes.setdefault(index, size) != size:
            found, begun = ("×".join(map(str, one)) for one in (size, self.image_sizes[index]))
            fix = "put the file back, or train anew with --fresh or name=…"
            raise FileError(
                str(self.samples[index].image), found=f"{found} pixels (H×W), but the run began with {begun}", fix=fix
            )
        self._target_channels = target.shape[-1]
        self._usual = self._bytes_of(index)
        if self._reserve(index):
            for kept, new in zip(self._views(index), (image, target), strict=True):
                kept[...] = new
            self._rooms[index][0] = 1  # after the pixels, because other processes look at it
        return image, target

    def _stored(self, index: int) -> Decoded:
        """Returns a sample from the store, if there is one and the memory is full; else from its files."""
        known = index in self.image_sizes and self._target_channels is not None
        needed = self._bytes_of(index) if known else self._usual
        if self.store is None or (self.memory is not None and self.memory.fits(needed)):
            return self._decoded(index)
        sample = self.samples[index]
        found = self.store.read((sample.image, *sample.truth), lambda: self._decoded(index, measure=True))
        if self.opened is not None:
            self.opened.forget(self.reader, sample.image)
        return found

    def _decoded(self, index: int, *, measure: bool = False) -> Decoded:
        sample, kind = self.samples[index], self.task.truth
        stored = self._open(sample.image)
        image, truth = read_sample(sample, self.reader, kind, open_image=lambda path: stored)
        size = image.shape[:2]
        if self.size is not None:
            image, truth = resize_image(image, self.size), kind.resize(truth, self.size)
        measure = measure or index in self.measured
        statistics = sample_statistics(stored, image, truth, kind) if measure else None
        return image, self.task.encode(truth), size, statistics

    def _open(self, path: Path) -> np.ndarray:
        return self.reader.open(path) if self.opened is None else self.opened.take(self.reader, path)

    def _reserve(self, index: int) -> bool:
        """Finds a place in memory for a sample whose size is known; returns whether there is one."""
        if index not in self._rooms and self.memory is not None:
            room = self.memory.room(self._bytes_of(index))
            if room is not None:
                self._rooms[index] = room
        return index in self._rooms

    def _bytes_of(self, index: int) -> int:
        """Returns how many bytes of memory a sample needs whose size is known."""
        return 1 + math.prod(self.size_of(index)) * (self.reader.channels + self._target_channels)

    def _views(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Returns the image and the target in the place of a sample."""
        room, size = self._rooms[index], self.size_of(index)
        end = 1 + size[0] * size[1] * self.reader.channels
        return room[1:end].reshape(*size, -1), room[end:].reshape(*size, -1)
