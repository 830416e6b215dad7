"""Opens image files that may hold stacks, and names the file in the errors of all that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from images.formats.headers import FORMATS, Refusal
from images.formats.tiff_volume import open_tiff_volume
from images.formats.volume import Volume
from images.microscope import is_microscope, open_microscope
from system.errors import FileError
from system.regular_file import require_regular


def open_volume(path: Path, *, max_pixels: int) -> Volume | None:
    """Opens a file whose format may hold stacks, without decoding a pixel; None for other files.

    Raises:
        FileError: it is of such a format, but it cannot be used.
    """
    if is_microscope(path):
        return open_microscope(path, max_pixels=max_pixels)
    try:
        require_regular(path)
        file = path.open("rb")
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        with naming(str(path)):
            if FORMATS.get(file.read(4)) == "TIFF":
                return open_tiff_volume(file, max_pixels=max_pixels)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def axes_of(path: Path, *, max_pixels: int) -> dict[str, int]:
    """The axes of a stack, as `Volume.stacked` has them; empty for a plain image. Errors are those of `open_volume`."""
    volume = open_volume(path, max_pixels=max_pixels)
    if volume is None:
        return {}
    with volume:
        return volume.stacked


class DecodedImage(Volume):
    """A plain image [H, W, C] that is decoded already."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self.size, self.channel_names = array.shape[:2], ()
        self.lengths = {"C": array.shape[2]} if array.shape[2] > 1 else {}

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        return self._array


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Turns the refusal of a file into an error that names it."""
    try:
        yield
    except Refusal as refusal:
        raise FileError(name, found=refusal.found, fix=refusal.fix, kind=refusal.kind) from refusal


def unreadable(path: Path, error: OSError) -> FileError:
    """The error for a file that cannot be opened."""
    found, fix = f"cannot be read ({error.strerror})", "check its name and permissions"
    return FileError(str(path), found=found, fix=fix, kind="unreadable")
