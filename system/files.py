"""Every write of the project: a file is there whole or not at all, whatever happens at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from system.errors import ConfigError, DiskError


class FileWriter:
    """An open file: `write` takes all of what it is given. Enough for torch.save."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.failure: OSError | None = None  # torch.save tells a failed write as a RuntimeError of its own

    def write(self, content: bytes | memoryview) -> int:
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self.descriptor, rest) :]
        except OSError as error:
            self.failure = error
            raise
        return len(content)

    def flush(self) -> None:
        """Nothing is held back."""


@contextmanager
def atomic_file(path: Path, *, keep: Path | None = None) -> Iterator[FileWriter]:
    """Yields a temporary neighbour of `path` to write; at the end it is flushed to the disk and renamed to `path`.

    Args:
        keep: what `path` held so far stays under this name, in the same folder. At every moment at least one of the
            two is a whole file, once there was one.

    Raises:
        DiskError: no room, no right, or no working disk; a file that was there is still whole.
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
            f"{path}: cannot be written ({error.strerror or error}); what was there is whole. "
            "Free some room or mend the rights, then repeat the command; train.py goes on with --resume"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """`atomic_file` for content that is there already; raises DiskError as it does."""
    with atomic_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for UTF-8 text; line ends stay `\\n` on every platform."""
    write_bytes(path, text.encode("utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`; nobody else may be writing there."""
    for path in folder.glob(".*.tmp[0-9]*"):
        path.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems cannot; the rename itself has happened
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Yields an empty `<out>.partial` to fill; it becomes `out` when the block ends without an error.

    Raises:
        ConfigError: `out` exists and holds something.
        DiskError: the folder was moved or removed while it was filled.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already and nothing is overwritten: delete it, or choose another --out")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    made = partial.stat()
    try:
        yield partial
        if not partial.is_dir() or not os.path.samestat(made, partial.stat()):
            raise DiskError(f"{out}: its folder was moved away meanwhile, part of the results with it; run this again")
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        out.rmdir()
    os.replace(partial, out)
