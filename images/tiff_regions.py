"""TIFF files → some rows at a time. Only the strips or tiles that hold them are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from images.formats.headers import FORMATS, NO_TAG, ORIENTATION, damaged
from images.formats.tiff import BLACK_IS_ZERO, HEIGHT, RGB, UNCOMPRESSED, WIDTH, check_header, clear_errors
from images.formats.tiff_volume import TiffVolume
from images.planes import IMAGE, Selection, channel_numbers, indices_of
from system.regular_file import require_regular

MAX_PIXELS = 2**36  # of an image read by regions: 262,144², more than the largest slide scanners make
MAX_SEGMENTS = 2**21  # twice the number of tiles of 256² in such an image; the list of them takes some 100 MB
MAX_SEGMENT = 2**26  # pixels of one compressed strip or tile: it is decoded as a whole
TYPES = (np.uint8, np.uint16)  # of images
LOSSLESS = (UNCOMPRESSED, 5, 8, 32946)  # values of the compression tag: LZW, and deflate by its two numbers


def open_regions(
    path: Path, *, above: int, selection: Selection = IMAGE, types: Sequence[type] = TYPES
) -> TiffRegions | None:
    """Opens a file whose rows can be read in parts; None if it has to be read whole.

    These are TIFF files of more than `above` pixels, of any number of channels with or without alpha, of one of the
    unsigned `types`, upright, and uncompressed or compressed with LZW or deflate. Of a stack one plane is read; the
    brightest of several planes needs the whole file.

    Raises:
        Refusal: the file is such a one, but it is cut off, damaged or too large, or does not have what is selected.
        OSError: it cannot be opened, or it is a named pipe, a socket or a device.
    """
    require_regular(path)
    file = path.open("rb")
    try:
        regions = _regions_of(file, above, selection, types)
    except BaseException:
        file.close()
        raise
    if regions is None:
        file.close()
    return regions


def _regions_of(file: BinaryIO, above: int, selection: Selection, types: Sequence[type]) -> TiffRegions | None:
    if FORMATS.get(file.read(4)) != "TIFF":
        return None
    file.seek(0)
    with mmap(file.fileno(), 0, access=ACCESS_READ) as data:  # its pages are read only where they are needed
        first = check_header(data, max_pixels=MAX_PIXELS, max_segments=MAX_SEGMENTS)[0]
        upright = first.get(ORIENTATION, NO_TAG).value not in range(2, 9)
        if first[HEIGHT].value * first[WIDTH].value <= above or not upright:
            return None
        volume = TiffVolume(file, data, max_pixels=MAX_PIXELS, max_segments=MAX_SEGMENTS)
    indices, as_channels = indices_of(volume, selection)
    pages = [volume.parts_of(index) for index in indices]
    if None in pages or (len(pages) > 1 and not as_channels) or not _is_plain(volume.page, volume.alpha, types):
        return None
    names = () if as_channels else volume.channel_names
    return TiffRegions(file, volume, [page for part in pages for page in part], selection, names)


def _is_plain(page: Any, alpha: bool | None, types: Sequence[type]) -> bool:  # noqa: ANN401 - types of tifffile, whose import is slow
    """Whether the pixels of a page need nothing but decoding."""
    rows, columns = _segment_size(page)
    return (
        alpha is not None  # else only all the values can show whether the fourth channel is alpha
        and page.dtype in types
        and page.bitspersample == np.dtype(page.dtype).itemsize * 8
        and page.photometric in (BLACK_IS_ZERO, RGB)
        and page.compression in LOSSLESS
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
        shape: (H, W, C) of what is selected; alpha is left out.
        dtype: one of the types that `open_regions` was asked for.
    """

    def __init__(
        self,
        file: BinaryIO,
        volume: TiffVolume,
        pages: list[Any],
        selection: Selection,
        names: tuple[str, ...],
    ) -> None:
        self._file, page, alpha = file, volume.page, bool(volume.alpha)
        count = (volume.layout.samples - alpha) * len(pages)
        numbers = channel_numbers(selection.channels, count, names)
        in_planes = volume.layout.samples > 1 and page.planarconfig != 1
        samples = range(volume.layout.samples - alpha) if in_planes else [None]
        parts = [TiffRows(file, volume.tiff, one, sample) for one in pages for sample in samples]
        self._without_alpha = alpha and not in_planes
        if numbers is not None and len(parts) == count:  # each has one channel, and the others are not even decoded
            parts, numbers = [parts[number] for number in numbers], None
            count = len(parts)
        self._parts, self._numbers = parts, numbers
        self.shape = (page.imagelength, page.imagewidth, count if numbers is None else len(numbers))
        self.dtype = page.dtype

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Returns the rows `top` to `bottom`, without the last: [rows, W, C].

        Raises:
            Refusal: the pixels are cut off or damaged.
        """
        with clear_errors():
            pixels = [part.rows(top, bottom) for part in self._parts]
        if self._without_alpha:
            pixels = [rows[..., :-1] for rows in pixels]
        joined = pixels[0] if len(pixels) == 1 else np.concatenate(pixels, axis=-1)
        return joined if self._numbers is None else joined[..., self._numbers]

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class TiffRows:
    """The rows of one page of tifffile, or of one of its channels.

    Args:
        sample: the number of the channel, if the page stores one channel behind the other; else None.
    """

    def __init__(self, file: BinaryIO, tiff: Any, page: Any, sample: int | None) -> None:  # noqa: ANN401
        self._file, self._tiff, self._page, self._key = file, tiff, page, page.keyframe
        self._height, self._width = self._key.imagelength, self._key.imagewidth
        self._sample, self._samples = sample or 0, self._key.samplesperpixel if sample is None else 1
        self._last: tuple[int, np.ndarray] | None = None  # the last row of strips or tiles, which is often used again

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Returns the rows `top` to `bottom`, without the last: [rows, W, samples], alpha included."""
        return self._stored(top, bottom) if self._key.is_final else self._decoded(top, bottom)

    def _stored(self, top: int, bottom: int) -> np.ndarray:
        """Returns rows of a file that holds the pixels as they are, one row behind the other."""
        shape = (bottom - top, self._width, self._samples)
        dtype = np.dtype(self._tiff.byteorder + self._key.dtype.char)
        per_row = shape[1] * shape[2] * dtype.itemsize
        start = self._page.dataoffsets[0] + (self._sample * self._height + top) * per_row
        return np.frombuffer(self._read(start, shape[0] * per_row), dtype).reshape(shape).astype(self._key.dtype)

    def _decoded(self, top: int, bottom: int) -> np.ndarray:
        pixels = np.empty((bottom - top, self._width, self._samples), self._key.dtype)
        per_segment = _segment_size(self._key)[0]
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
        rows, columns = _segment_size(self._key)
        down, across = -(-self._height // rows), -(-self._width // columns)
        decoded = np.empty((rows, across * columns, self._samples), self._key.dtype)
        height = min(rows, self._height - number * rows)
        for place in range(across):
            index = (self._sample * down + number) * across + place
            data = self._read(self._page.dataoffsets[index], self._page.databytecounts[index])
            segment = self._key.decode(data, index, _fullsize=self._key.is_tiled)[0][0]
            decoded[: len(segment), place * columns : (place + 1) * columns] = segment
        self._last = (number, decoded[:height, : self._width])
        return self._last[1]

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(count)
        if len(data) < count:
            raise damaged("TIFF", f"{len(data)} of {count} bytes at byte {offset}")
        return data
