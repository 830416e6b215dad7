"""Arrays that lie in files, for what may be larger than the memory."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from system.errors import DiskError

CHUNK = 2**24  # bytes that are written at once where the system cannot reserve space


@contextmanager
def array_in_file(path: Path, dtype: type | np.dtype, shape: tuple[int, ...]) -> Iterator[np.memmap]:
    """Yields an array of zeros that lies in a new file, and removes the file when the block ends.

    The space on the disk is reserved first: a process that writes to a mapped file on a full disk would be killed.

    Raises:
        DiskError: the disk is full, or the file cannot be made.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    try:
        try:
            with path.open("wb") as file:
                _reserve(file.fileno(), size)
        except OSError as error:
            raise DiskError(
                f"{path}: {size / 1e9:.2f} GB cannot be reserved for the work on a large image "
                f"({error.strerror or error}). Free some disk space, or choose a folder on another disk"
            ) from error
        yield np.memmap(path, dtype, "r+", shape=shape)
    finally:
        path.unlink(missing_ok=True)


def _reserve(descriptor: int, size: int) -> None:
    if hasattr(os, "posix_fallocate"):
        try:
            return os.posix_fallocate(descriptor, 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):  # some file systems cannot do it
                raise
    for first in range(0, size, CHUNK):
        os.write(descriptor, bytes(min(CHUNK, size - first)))
