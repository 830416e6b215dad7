"""All writing of files: whatever happens at any moment, a file is either complete or not there."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from system.errors import ConfigError, DiskError


class FileWriter:
    """An open file whose `write` always writes everything. torch.save needs no more, and tifffile needs `seek`."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.failure: OSError | None = None  # torch.save turns a failed write into a RuntimeError

    def write(self, content: bytes | memoryview) -> int:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
        except OSError as error:
            self.failure = error
            raise
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a place in the file, and returns its distance from the start in bytes."""
        return os.lseek(self.descriptor, offset, whence)

    def tell(self) -> int:
        """Returns the place in the file, in bytes from its start."""
        return self.seek(0, os.SEEK_CUR)

    def flush(self) -> None:
        """There is nothing to do, because there is no buffer."""


@contextmanager
def atomic_file(path: Path, *, keep: Path | None = None) -> Iterator[FileWriter]:
    """Yields a temporary file beside `path`. When the block ends, it is flushed to the disk and renamed to `path`.

    Args:
        keep: a path in the same folder. The file that was at `path` is kept there. Once there was a file, at least one
            of the two is complete at every moment.

    Raises:
        DiskError: the disk is full or broken, or the access rights are missing. The earlier file is still complete.
    """
    temporary = path.with_name(f".{path.name}.tmp{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666)
        file = FileWriter(descriptor)
        try:
            yield file
            os.fsync(descriptor)
        except RuntimeError as error:
            raise file.failure or error from error
        finally:
            os.close(descriptor)
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        raise DiskError(
            f"{path}: cannot be written ({error.strerror or error}); the file that was there is still complete. "
            "Free some disk space or correct the access rights, then repeat the command (train.py with --resume)"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path`; raises DiskError as `atomic_file` does."""
    with atomic_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes `text` to `path` as UTF-8; line ends stay `\\n` on every platform."""
    write_bytes(path, text.encode("utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`. No other process may be writing there."""
    for path in folder.glob(".*.tmp[0-9]*"):
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot do it; the file is renamed all the same
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Yields the empty folder `<out>.partial`. It is renamed to `out` when the block ends without an error.

    Raises:
        ConfigError: `out` exists and is not empty.
        DiskError: the folder cannot be made, or it was moved or removed before the block ended.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already, and nothing is overwritten: delete it, or choose another --out")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
    except OSError as error:
        raise DiskError(f"{partial}: this folder cannot be made ({error.strerror}); choose another --out") from error
    made = partial.stat()
    try:
        yield partial
        if not partial.is_dir() or not os.path.samestat(made, partial.stat()):
            raise DiskError(f"{out}: this folder was moved away before all results were in it; repeat the command")
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        out.rmdir()
    os.replace(partial, out)
