"""Memory for decoded samples, as much as the machine can spare. Processes that are forked share it."""

from __future__ import annotations

import mmap
import threading
from pathlib import Path

import numpy as np

from images.image_reader import ImageReader
from images.planes import Selection
from system.machine.memory import free_share

SHARE = 0.5  # of the free memory; the rest is for the training, its workers, and the system's copies of files
PIECE = 2**26  # bytes that are asked of the system at once; it gives a page of them when something is written to it


class SampleMemory:
    """Gives out memory up to a limit.

    What `room` returns is shared with processes that are forked later: what one of them writes, all of them read.

    Attributes:
        limit, used: bytes.
    """

    def __init__(self, limit: int | None = None) -> None:
        """Takes as the limit, unless it is given, this process's part of half of the free memory."""
        self.limit = free_share(SHARE) if limit is None else limit
        self.used = 0
        self._piece = np.empty(0, np.uint8)  # the part of the newest piece that nobody has
        self._lock = threading.Lock()

    def fits(self, size: int) -> bool:
        """Whether there is room for `size` bytes."""
        return self.used + size <= self.limit

    def take(self, size: int) -> bool:
        """Counts `size` bytes as used, if they fit; returns whether they do."""
        with self._lock:
            fits = self.fits(size)
            self.used += size * fits
            return fits

    def give_back(self, size: int) -> None:
        """Counts `size` bytes as free again."""
        with self._lock:
            self.used -= size

    def room(self, size: int) -> np.ndarray | None:
        """Returns zeros, [size] uint8; None if they do not fit. They are never given back."""
        if not self.take(size):
            return None
        with self._lock:
            if size > len(self._piece):
                try:
                    self._piece = np.frombuffer(mmap.mmap(-1, max(size, PIECE)), np.uint8)
                except OSError:  # the system allows no more
                    self.used = self.limit
                    return None
            room, self._piece = self._piece[:size], self._piece[size:]
        return room

    def __getstate__(self) -> dict[str, object]:
        """A process that is not forked gets a copy of what is kept, and no room for more."""
        return {"limit": 0, "used": 0, "_piece": np.empty(0, np.uint8)}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())


class OpenedImages:
    """Decoded files that the choice of a reader has seen. Each is kept until it is read as a sample, if it fits.

    So no file is decoded twice as long as the memory lasts.
    """

    def __init__(self, memory: SampleMemory) -> None:
        self._memory = memory
        self._kept: dict[tuple[Path, Selection], np.ndarray] = {}

    def open(self, reader: ImageReader, path: Path) -> np.ndarray:
        """Decodes a file as `ImageReader.any_channels` does, and keeps it."""
        key = path, reader.selection(path)
        if key in self._kept:
            return self._kept[key]
        image = reader.any_channels(path)
        if self._memory.take(image.nbytes):
            self._kept[key] = image
        return image

    def take(self, reader: ImageReader, path: Path) -> np.ndarray:
        """Returns the same, from what is kept or from the file, and forgets it. The reader must be able to read it.

        Raises:
            DataError: the file cannot be used, or the reader cannot read its number of channels.
        """
        image = self.forget(reader, path)
        if image is None:
            return reader.open(path)
        reader.require_channels(image.shape[2], str(path))
        return image

    def forget(self, reader: ImageReader, path: Path) -> np.ndarray | None:
        """Returns what is kept of a file, and keeps it no longer; None if nothing is."""
        image = self._kept.pop((path, reader.selection(path)), None)
        if image is not None:
            self._memory.give_back(image.nbytes)
        return image
