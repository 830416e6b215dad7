"""Images of any size, some rows at a time, with the pixels that a run's reader gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from images.formats import Refusal
from images.image_reader import ImageReader
from images.intensity import counts_of, range_of_counts, to_channels
from images.tiff_regions import TiffRegions, open_regions
from system.errors import FileError

ABOVE = 2**24  # pixels: smaller images fit into the memory, and are read whole
PIXELS_AT_ONCE = 2**22  # of a pass that measures the intensities


@dataclass(frozen=True)
class ImageRows:
    """The rows of one image. Use it in a `with` block, which closes its file.

    Attributes:
        shape: (H, W, channels) of the whole image.
        rows: (top, bottom) → [bottom − top, W, channels] uint8, with 0 ≤ top < bottom ≤ H. Rows that are asked for from
            top to bottom are decoded once, apart from strips and tiles of which only a part was asked for. It raises
            FileError if the file is damaged there.
        close: closes the file.
    """

    shape: tuple[int, int, int]
    rows: Callable[[int, int], np.ndarray]
    close: Callable[[], None] = lambda: None

    def __enter__(self) -> ImageRows:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_rows(path: Path, reader: ImageReader, *, above: int = ABOVE) -> ImageRows:
    """Opens an image whose rows are those of `reader.read(path)`, in memory that does not grow with its height.

    Large TIFF files of the common kinds (see `images.tiff_regions.open_regions`) are decoded in parts, up to 2**36
    pixels; limits of intensity are measured in a first pass over the file, from the counts of all its values. Other
    files are read whole, and only then `reader.max_pixels` applies.

    Args:
        above: number of pixels (H*W) above which a file is read in parts.

    Raises:
        FileError: as `ImageReader.read` does.
    """
    regions = _regions(path, above)
    if regions is None:
        image = reader.read(path)
        return ImageRows(image.shape, lambda top, bottom: image[top:bottom])
    try:
        convert = _conversion(regions, reader, path)
    except BaseException:
        regions.close()
        raise

    def rows(top: int, bottom: int) -> np.ndarray:
        with _naming(path):
            return convert(regions.rows(top, bottom))

    return ImageRows((*regions.shape[:2], reader.channels), rows, regions.close)


def size_of_regions(path: Path, *, above: int = ABOVE) -> tuple[int, int] | None:
    """Returns (H, W) of a file that `open_rows` reads in parts; None if it reads the file whole.

    Raises:
        FileError: as `open_rows` does.
    """
    regions = _regions(path, above)
    if regions is None:
        return None
    regions.close()
    return regions.shape[:2]


def _regions(path: Path, above: int) -> TiffRegions | None:
    """Opens a file whose rows can be read in parts; None if it is read whole."""
    try:
        with _naming(path):
            return open_regions(path, above=above)
    except OSError:  # it cannot be opened, which the reader reports
        return None


def _conversion(regions: TiffRegions, reader: ImageReader, path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what turns stored rows [rows, W, C] into those of the reader, as it would turn the whole image."""
    if reader.limits is not None or (reader.intensity == "native" and regions.dtype == np.uint8):
        return reader.convert
    height, width, _ = regions.shape
    step = max(1, PIXELS_AT_ONCE // width)
    with _naming(path):
        counts = sum(counts_of(regions.rows(top, min(top + step, height))) for top in range(0, height, step))
    low, high = range_of_counts(counts)
    if low == high:
        return lambda rows: to_channels(np.zeros(rows.shape, np.uint8), reader.channels)
    return replace(reader, intensity="run", limits=(low, high)).convert


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turns the refusal of a file into an error that names it."""
    try:
        yield
    except Refusal as refusal:
        raise FileError(str(path), found=refusal.found, fix=refusal.fix, kind=refusal.kind) from refusal
