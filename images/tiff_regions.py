"""TIFF files → some rows at a time. Only the strips or tiles that hold them are decoded."""

from __future__ import annotations

import math
from contextlib import closing
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from images.formats import FORMATS, NO_TAG, ORIENTATION, damaged
from images.tiff import (
    BLACK_IS_ZERO,
    HEIGHT,
    RGB,
    UNCOMPRESSED,
    WIDTH,
    check_header,
    check_image,
    clear_errors,
    open_tiff,
    the_image,
)
from system.regular_file import require_regular

MAX_PIXELS = 2**36  # of an image read by regions: 262,144², more than the largest slide scanners make
MAX_SEGMENTS = 2**21  # twice the number of tiles of 256² in such an image; the list of them takes some 100 MB
MAX_SEGMENT = 2**26  # pixels of one compressed strip or tile: it is decoded as a whole
LOSSLESS = (UNCOMPRESSED, 5, 8, 32946)  # values of the compression tag: LZW, and deflate by its two numbers


def open_regions(path: Path, *, above: int) -> TiffRegions | None:
    """Opens a file whose rows can be read in parts; None if it has to be read whole.

    These are TIFF files of more than `above` pixels, grey or RGB with or without alpha, in 8 or 16 bits, in one plane,
    upright, and uncompressed or compressed with LZW or deflate.

    Raises:
        Refusal: the file is such a one, but it is cut off, damaged, too large or a stack.
        OSError: it cannot be opened, or it is a named pipe, a socket or a device.
    """
    require_regular(path)
    file = path.open("rb")
    try:
        regions = _regions_of(file, above)
    except BaseException:
        file.close()
        raise
    if regions is None:
        file.close()
    return regions


def _regions_of(file: BinaryIO, above: int) -> TiffRegions | None:
    if FORMATS.get(file.read(4)) != "TIFF":
        return None
    file.seek(0)
    with closing(mmap(file.fileno(), 0, access=ACCESS_READ)) as data:  # its pages are read only where they are needed
        pages = check_header(data, max_pixels=MAX_PIXELS, max_segments=MAX_SEGMENTS)
        size = (pages[0][HEIGHT].value, pages[0][WIDTH].value)
        if math.prod(size) <= above or pages[0].get(ORIENTATION, NO_TAG).value in range(2, 9):
            return None
        with clear_errors():
            tiff = open_tiff(file)
            image = the_image(tiff)
            axes, alpha = check_image(image, data)
            if not _is_plain(image.keyframe, alpha):
                return None
            if (axes["Y"], axes["X"]) != size:
                raise damaged("TIFF", "its pixels do not fit its header")
            return TiffRegions(file, tiff, image.keyframe, with_alpha=bool(alpha))


def _is_plain(page: Any, alpha: bool | None) -> bool:  # noqa: ANN401 - types of tifffile, whose import is slow
    """Whether the pixels of a page need nothing but decoding."""
    rows, columns = _segment_size(page)
    return (
        alpha is not None  # else only all the values can show whether the fourth channel is alpha
        and page.bitspersample in (8, 16)
        and page.dtype in (np.uint8, np.uint16)
        and page.photometric in (BLACK_IS_ZERO, RGB)
        and page.compression in LOSSLESS
        and (page.samplesperpixel == 1 or page.planarconfig == 1)
        and (page.is_final or rows * columns <= MAX_SEGMENT)
    )


def _segment_size(page: Any) -> tuple[int, int]:  # noqa: ANN401
    """Returns the rows and columns of a strip or tile."""
    if page.is_tiled:
        return page.tilelength, page.tilewidth
    return min(page.rowsperstrip, page.imagelength), page.imagewidth  # one strip of all rows may claim 2**32 − 1


class TiffRegions:
    """The rows of one open TIFF file; `open_regions` makes it.

    Attributes:
        shape: (H, W, C) with C 1 or 3; alpha is left out.
        dtype: uint8 or uint16.
    """

    def __init__(self, file: BinaryIO, tiff: Any, page: Any, *, with_alpha: bool) -> None:  # noqa: ANN401
        self._file, self._tiff, self._page = file, tiff, page
        self._samples, self._with_alpha = page.samplesperpixel, with_alpha
        self.shape = (page.imagelength, page.imagewidth, page.samplesperpixel - with_alpha)
        self.dtype = page.dtype
        self._last: tuple[int, np.ndarray] | None = None  # the last row of strips or tiles, which is often used again

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Returns the rows `top` to `bottom`, without the last: [rows, W, C].

        Raises:
            Refusal: the pixels are cut off or damaged.
        """
        with clear_errors():
            pixels = self._stored(top, bottom) if self._page.is_final else self._decoded(top, bottom)
        return pixels[..., :-1] if self._with_alpha else pixels

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def _stored(self, top: int, bottom: int) -> np.ndarray:
        """Returns rows of a file that holds the pixels as they are, one row behind the other."""
        shape = (bottom - top, self.shape[1], self._samples)
        dtype = np.dtype(self._tiff.byteorder + self.dtype.char)
        per_row = shape[1] * shape[2] * dtype.itemsize
        data = self._read(self._page.dataoffsets[0] + top * per_row, shape[0] * per_row)
        return np.frombuffer(data, dtype).reshape(shape).astype(self.dtype)

    def _decoded(self, top: int, bottom: int) -> np.ndarray:
        pixels = np.empty((bottom - top, self.shape[1], self._samples), self.dtype)
        per_segment = _segment_size(self._page)[0]
        for number in range(top // per_segment, -(-bottom // per_segment)):
            first = number * per_segment
            segments = self._row_of_segments(number)
            start, end = max(top, first), min(bottom, first + len(segments))
            pixels[start - top : end - top] = segments[start - first : end - first]
        return pixels

    def _row_of_segments(self, number: int) -> np.ndarray:
        """Returns a strip, or the tiles that lie side by side: [rows, W, samples]."""
        if self._last is not None and self._last[0] == number:
            return self._last[1]
        rows, columns = _segment_size(self._page)
        across = -(-self.shape[1] // columns)
        decoded = np.empty((rows, across * columns, self._samples), self.dtype)
        height = min(rows, self.shape[0] - number * rows)
        for place in range(across):
            index = number * across + place
            data = self._read(self._page.dataoffsets[index], self._page.databytecounts[index])
            segment = self._page.decode(data, index, _fullsize=self._page.is_tiled)[0][0]
            decoded[: len(segment), place * columns : (place + 1) * columns] = segment
        self._last = (number, decoded[:height, : self.shape[1]])
        return self._last[1]

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(count)
        if len(data) < count:
            raise damaged("TIFF", f"{len(data)} of {count} bytes at byte {offset}")
        return data
