"""Every write of the project: a file is there whole or not at all, whatever happens at any moment."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ConfigError, DiskError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to a temporary neighbour, flushes it to the disk and renames it to `path`.

    Raises:
        DiskError: no room, no right, or no working disk; a file that was there is still whole.
    """
    write_pieces(path, [content])


def write_pieces(path: Path, pieces: Iterable[bytes | memoryview], *, keep: Path | None = None) -> None:
    """`write_bytes` for content that comes in pieces.

    Args:
        keep: what `path` held so far stays under this name, in the same folder. At every moment at least one of the
            two is a whole file, once there was one.

    Raises:
        DiskError: as `write_bytes`.
    """
    temporary = path.with_name(f".{path.name}.tmp{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_through(temporary, pieces)
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


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for UTF-8 text; line ends stay `\\n` on every platform."""
    write_bytes(path, text.encode("utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files that a killed process left in `folder`; nobody else may be writing there."""
    for path in folder.glob(".*.tmp[0-9]*"):
        path.unlink(missing_ok=True)


def _write_through(path: Path, pieces: Iterable[bytes | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already and nothing is overwritten: delete it, or choose another --out")
    partial = out.with_name(out.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    if out.exists():
        out.rmdir()
    os.replace(partial, out)
