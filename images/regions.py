"""Images of any size, some rows at a time, with the pixels that a run's reader gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from images.image_reader import ImageFile, ImageReader
from images.intensity import counts_of, range_of_counts, to_channels, to_uint8
from images.opening import naming
from images.tiff_regions import TiffRegions, open_regions
from system.errors import FileError

ABOVE = 2**24  # pixels: smaller images fit into the memory, and are read whole
PIXELS_AT_ONCE = 2**22  # of a pass that measures the intensities


@dataclass(frozen=True)
class ImageRows:
    """The rows of one image. Use it in a `with` block, which closes its file.

    Attributes:
        shape: (H, W, channels) of the whole image.
        rows: (top, bottom) → [bottom − top, W, channels], with 0 ≤ top < bottom ≤ H: uint8 from `open_rows`, and the
            file's dtype from `open_stored_rows`. Rows that are asked for from top to bottom are decoded once, apart
            from strips and tiles of which only a part was asked for. It raises FileError if the file is damaged there.
        close: closes the file.
    """

    shape: tuple[int, int, int]
    rows: Callable[[int, int], np.ndarray]
    close: Callable[[], None] = lambda: None

    def __enter__(self) -> ImageRows:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_rows(path: Path | ImageFile, reader: ImageReader, *, above: int = ABOVE) -> ImageRows:
    """Opens an image whose rows are those of `reader.read(path)`, in memory that does not grow with its height.

    Large TIFF files of the common kinds (see `images.tiff_regions.open_regions`) are decoded in parts, up to 2**36
    pixels; limits of intensity are measured in a first pass over the file, from the counts of all its values. Other
    files are read whole, and only then `reader.max_pixels` applies.

    Args:
        above: number of pixels (H*W) above which a file is read in parts.

    Raises:
        FileError: as `ImageReader.read` does.
    """
    regions = _regions(path, reader, above)
    if regions is None:
        image = reader.read(path)
        return ImageRows(image.shape, lambda top, bottom: image[top:bottom])
    try:
        convert = _conversion(regions, reader, path)
    except BaseException:
        regions.close()
        raise

    rows = _naming(str(path), lambda top, bottom: convert(regions.rows(top, bottom)))
    return ImageRows((*regions.shape[:2], reader.channels), rows, regions.close)


def open_stored_rows(image: Path | ImageFile | np.ndarray, reader: ImageReader, *, above: int = ABOVE) -> ImageRows:
    """Does what `open_rows` does for the pixels as the file holds them, which are those of `reader.open(image)`.

    Args:
        image: the file, or its pixels [H, W, C] if they are in the memory already.
    """
    if not isinstance(image, np.ndarray):
        regions = _regions(image, reader, above)
        if regions is not None:
            stored = _naming(str(image), regions.rows)
            return ImageRows(regions.shape, stored, regions.close)
        image = reader.open(image)
    return ImageRows(image.shape, lambda top, bottom: image[top:bottom])


def size_of_regions(path: Path | ImageFile, reader: ImageReader, *, above: int = ABOVE) -> tuple[int, int] | None:
    """Returns (H, W) of a file that `open_rows` reads in parts; None if it reads the file whole.

    Raises:
        FileError: as `open_rows` does.
    """
    regions = _regions(path, reader, above)
    if regions is None:
        return None
    regions.close()
    return regions.shape[:2]


def _regions(path: Path | ImageFile, reader: ImageReader, above: int) -> TiffRegions | None:
    """Opens a file whose rows can be read in parts; None if it is read whole."""
    file = path.path if isinstance(path, ImageFile) else path
    try:
        with naming(str(path)):
            regions = open_regions(file, above=above, selection=reader.selection(path))
    except OSError:  # it cannot be opened, which the reader reports
        return None
    if regions is not None:
        try:
            reader.require_channels(regions.shape[2], str(path))
        except FileError:
            regions.close()
            raise
    return regions


def _naming(name: str, read: Callable[[int, int], np.ndarray]) -> Callable[[int, int], np.ndarray]:
    """Returns a function that reads the same rows, and whose errors name the file."""

    def rows(top: int, bottom: int) -> np.ndarray:
        with naming(name):
            return read(top, bottom)

    return rows


def _conversion(
    regions: TiffRegions, reader: ImageReader, path: Path | ImageFile
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what turns stored rows [rows, W, C] into those of the reader, as it would turn the whole image."""
    if reader.limits is not None or (reader.intensity == "native" and regions.dtype == np.uint8):
        return reader.convert
    height, width, channels = regions.shape
    step = max(1, PIXELS_AT_ONCE // width)
    groups = [[channel] for channel in range(channels)] if reader.per_channel else [slice(None)]
    counts = [np.int64(0)] * len(groups)
    with naming(str(path)):
        for top in range(0, height, step):
            rows = regions.rows(top, min(top + step, height))
            counts = [sum_ + counts_of(rows[..., group]) for sum_, group in zip(counts, groups, strict=True)]
    ranges = [range_of_counts(one) for one in counts]

    def convert(rows: np.ndarray) -> np.ndarray:
        parts = [_between(rows[..., group], *limits) for group, limits in zip(groups, ranges, strict=True)]
        return np.concatenate(parts, axis=-1) if reader.per_channel else to_channels(parts[0], reader.channels)

    return convert


def _between(rows: np.ndarray, low: float, high: float) -> np.ndarray:
    """Rows of any type → uint8, stretched between these limits; zeros if the whole image is constant."""
    return np.zeros(rows.shape, np.uint8) if low == high else to_uint8(rows, (low, high), stretch=True)
