"""Decoded samples in files, for those that do not fit into memory. Runs and processes share them.

An entry is found by the content of the files of its sample and by all that decides what becomes of them, so that an
edited file never gives the pixels that it had before. The folder can be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import multiprocessing
import os
import shutil
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import cv2
import numpy as np

import images
import tasks
from images.image_reader import ImageReader
from tasks.task import Task

LEAST_FREE = 2 * 2**30  # bytes of the disk that are left free, because runs and results need room, too
MAGIC = b"SAMPLE 2"
# MAGIC, size of the file's image, shapes of image and target, bytes of the statistics, CRC-32 of all that follows
HEADER = struct.Struct("<8s2I3I3III")
READ = 2**20
LEFT_OVER = 3600  # seconds
# Image, encoded target, (height, width) of the image's file, and statistics if they were measured.
Decoded = tuple[np.ndarray, np.ndarray, tuple[int, int], dict[str, float] | None]


class SampleStore:
    """Keeps decoded samples in files below `folder`.

    Nothing here ends a training: what cannot be read is decoded again, and what cannot be written is left out.

    Attributes:
        problem: why no more samples are written; None as long as they are. A line is printed, too.

    Args:
        folder: it is made when it is needed.
        reader, task, size: see `datasets.samples.Samples`.
    """

    def __init__(self, folder: Path, reader: ImageReader, task: Task, *, size: tuple[int, int] | None) -> None:
        self.folder, self.problem = folder, None
        self._settings = _digest_of_settings(reader, task, size)
        self._keys: dict[tuple[Path | None, ...], tuple[list, str]] = {}  # with the stamps that they are true for
        self._checked: set[str] = set()
        self._tidied = False
        self._lock = threading.Lock()

    def read(self, files: Sequence[Path | None], decode: Callable[[], Decoded]) -> Decoded:
        """Returns the decoded sample of these files: the stored one, or else what `decode` returns, which is stored."""
        before = _stamps(files)
        known, key = self._keys.get(tuple(files), (None, None))
        if before is None or known != before:
            key = before and self._key_of(files)
        if key is None:
            return decode()
        self._keys[tuple(files)] = before, key
        path = self.folder / key[:2] / key[2:]
        if (found := self._load(path)) is not None:
            return found
        sample = decode()
        if _stamps(files) == before:  # else a file may have changed between the two readings
            self._save(path, sample)
        return sample

    def _key_of(self, files: Sequence[Path | None]) -> str | None:
        digest = hashlib.blake2b(self._settings, digest_size=20)
        try:
            for path in files:
                digest.update(b"none" if path is None else b"file")
                if path is not None:
                    digest.update(_content_digest(path))
        except OSError:  # decoding reports it
            return None
        return digest.hexdigest()

    def __getstate__(self) -> dict[str, object]:
        return {key: value for key, value in self.__dict__.items() if key != "_lock"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _load(self, path: Path) -> Decoded | None:
        """Returns an entry; None if it is absent or damaged. Its pixels are read from the disk when they are used."""
        try:
            with path.open("rb") as file:
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)  # a change of the arrays is not written
        except (OSError, ValueError):  # a ValueError for an empty file
            return None
        if len(content) < HEADER.size:
            return None
        magic, height, width, *shapes, noted, checksum = HEADER.unpack_from(content)
        image, target = tuple(shapes[:3]), tuple(shapes[3:])
        first = HEADER.size + noted
        middle, end = first + int(np.prod(image)), first + int(np.prod(image)) + int(np.prod(target))
        if magic != MAGIC or len(content) != end:
            return None
        if path.name not in self._checked:  # once in each process
            if zlib.crc32(memoryview(content)[HEADER.size :]) != checksum:
                return None
            self._checked.add(path.name)
        pixels = np.frombuffer(content, np.uint8)
        statistics = json.loads(content[HEADER.size : first]) if noted else None
        return pixels[first:middle].reshape(image), pixels[middle:].reshape(target), (height, width), statistics

    def _save(self, path: Path, sample: Decoded) -> None:
        """Writes an entry completely or not at all. It does not wait for the disk: the checksum finds what is lost."""
        image, target, size, statistics = sample
        if self.problem is not None:
            return
        if not self._tidied:
            self._tidied = True
            self._remove_leftovers()
        notes = b"" if statistics is None else json.dumps(statistics).encode()
        content = notes + image.tobytes() + target.tobytes()
        header = HEADER.pack(MAGIC, *size, *image.shape, *target.shape, len(notes), zlib.crc32(content))
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(path.parent).free < LEAST_FREE + len(content):
                self._stop_writing(f"less than {LEAST_FREE / 2**30:.0f} GiB of the disk would be left free")
                return
            try:
                temporary.write_bytes(header + content)
                os.replace(temporary, path)
            except OSError:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            self._stop_writing(f"it cannot be written ({error.strerror or error})")

    def _remove_leftovers(self) -> None:
        """Removes what killed processes have not finished: no process needs so long for an entry."""
        for path in self.folder.glob("??/.*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > LEFT_OVER:
                    path.unlink()

    def _stop_writing(self, why: str) -> None:
        """Writes no more samples, and says so once, in the process of the training and not in its workers."""
        with self._lock:
            if self.problem is None and multiprocessing.parent_process() is None:
                print(f"cache   {self.folder} gets no more samples: {why}; those without a place are decoded each time")
            self.problem = why


def _stamps(files: Sequence[Path | None]) -> list[tuple[int, int, int]] | None:
    """Returns what changes when one of the files is changed; None if one is no regular file, such as a Zarr folder."""
    try:
        found = [path.stat() for path in files if path is not None]
    except OSError:
        return None
    if not all(path is None or path.is_file() for path in files):
        return None
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]


def _content_digest(path: Path) -> bytes:
    digest = hashlib.blake2b(digest_size=20)
    with path.open("rb") as file:
        while block := file.read(READ):
            digest.update(block)
    return digest.digest()


def _digest_of_settings(reader: ImageReader, task: Task, size: tuple[int, int] | None) -> bytes:
    """Returns a digest of everything but the files that decides on the pixels of a sample, our own code included."""
    truth = task.truth
    read = {field.name: getattr(truth, field.name) for field in fields(truth) if field.name != "where"}
    options = task.options.mask_threshold, task.options.border_radius
    settings = (reader.to_dict(), type(task).__name__, options, type(truth).__name__, read, size)
    digest = hashlib.blake2b(repr((settings, cv2.__version__, np.__version__)).encode(), digest_size=20)
    for package in (images, tasks):
        for path in sorted(Path(package.__file__).parent.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.digest()
