"""Every write of the project: a file is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import ConfigError


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to a temporary neighbour, flushes it to the disk and renames it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for UTF-8 text; line ends stay `\\n` on every platform."""
    write_bytes(path, text.encode("utf-8"))


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
