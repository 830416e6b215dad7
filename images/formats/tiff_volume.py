"""TIFF files, single images and stacks alike → planes. tifffile decodes what `images.formats.tiff` has checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from typing import Any, BinaryIO

import numpy as np

from images.formats.headers import NO_TAG, ORIENTATION, Refusal, damaged, upright
from images.formats.ome import channel_names
from images.formats.tiff import (
    HEIGHT,
    MAX_SEGMENTS,
    SPLIT,
    WIDTH,
    alpha_of,
    check_header,
    check_image,
    clear_errors,
    open_tiff,
    the_image,
    values_of,
    without_alpha,
)
from images.formats.volume import UNKNOWN, Volume

UNDESCRIBED = "QI"  # how tifffile calls an axis of which the file says only its length
OF_ONE_PAGE = ("YX", "YXS", "YXC", "SYX", "CYX")


@dataclass(frozen=True)
class Layout:
    """How the pages of a file follow each other.

    Attributes:
        axes: (letter, length) of every axis before those of a page, the slowest first. "Q" may be there twice.
        samples: channels of one page, alpha included.
        samples_first: a page is stored as [samples, H, W].
    """

    axes: tuple[tuple[str, int], ...]
    samples: int
    samples_first: bool

    @property
    def pages(self) -> int:
        """The number of pages."""
        return math.prod(length for _, length in self.axes)

    def numbers(self, index: Mapping[str, int]) -> list[int]:
        """The pages of one plane, by the order of its channels; `index` is that of `Volume.read`."""
        numbers, rest = [0], index.get(UNKNOWN, 0)
        unknown = math.prod(length for axis, length in self.axes if axis == UNKNOWN)
        for axis, length in self.axes:
            if axis == UNKNOWN:  # several such axes count as one, along which the pages are numbered
                unknown //= length
                places, rest = [rest // unknown], rest % unknown
            else:
                places = range(length) if axis == "C" else [index[axis]]
            numbers = [number * length + place for number in numbers for place in places]
        return numbers


class TiffVolume(Volume):
    """An open TIFF file of one image or one stack; attributes and errors are those of `Volume`.

    Args:
        file: the file, from its first byte; it must stay open.
        data: the same bytes; they are used here only, and may be closed afterwards.
        max_pixels: the most pixels (H*W) that the header of any page may claim.
        max_segments: the most strips or tiles of a page.
        ids: return the numbers as stored, not the brightness that a palette or the bit depth gives them.

    Raises:
        Refusal: the file is cut off, damaged or too large, holds several images, or has colours that are not read.
    """

    def __init__(
        self,
        file: BinaryIO,
        data: bytes | mmap,
        *,
        max_pixels: int,
        max_segments: int = MAX_SEGMENTS,
        ids: bool = False,
    ) -> None:
        self._file, self._ids = file, ids
        pages = check_header(data, max_pixels=max_pixels, max_segments=max_segments)
        stored = (pages[0][HEIGHT].value, pages[0][WIDTH].value)
        self.orientation = pages[0].get(ORIENTATION, NO_TAG).value
        with clear_errors():
            self.tiff = open_tiff(file)
            self._image = the_image(self.tiff)
            self.page = self._image.keyframe
            self.layout = layout_of(self._image)
            self.alpha = alpha_of(self.page, self.layout.samples)
            check_image(self._image, data, pages)
            self._parts = list(self._image.pages)
            names = _names_of(self.tiff)
        if (self.page.imagelength, self.page.imagewidth) != stored:
            raise damaged("TIFF", "its pixels do not fit its header")
        if len(self._parts) < self.layout.pages and self._image.dataoffset is None:
            raise damaged("TIFF", f"{len(self._parts)} of {self.layout.pages} pages")
        self.size = stored[::-1] if self.orientation in (5, 6, 7, 8) else stored
        channels = (self.layout.samples - bool(self.alpha)) * math.prod(
            n for axis, n in self.layout.axes if axis == "C"
        )
        lengths: dict[str, int] = {}
        for axis, length in self.layout.axes:
            lengths[axis] = lengths.get(axis, 1) * length
        self.lengths = {axis: length for axis, length in (lengths | {"C": channels}).items() if length > 1}
        self.channel_names = names if len(names) == channels else ()

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        with clear_errors():
            pages = [self._decoded(number) for number in self.layout.numbers(index)]
        pixels = pages[0] if len(pages) == 1 else np.concatenate(pages, axis=-1)
        return np.ascontiguousarray(upright(pixels, self.orientation))

    def close(self) -> None:
        self._file.close()

    def parts_of(self, index: Mapping[str, int]) -> list[Any] | None:
        """The pages of tifffile that hold a plane; None if some of its pages have no directory of their own."""
        if len(self._parts) < self.layout.pages:
            return None
        return [self._parts[number] for number in self.layout.numbers(index)]

    def _decoded(self, number: int) -> np.ndarray:
        """One page → [H, W, samples], without alpha."""
        if len(self._parts) < self.layout.pages:
            array = self._stored(number)
        else:
            array = self._parts[number].asarray(maxworkers=1)
        height, width = self.page.imagelength, self.page.imagewidth
        if self.layout.samples_first:
            array = np.moveaxis(array.reshape(self.layout.samples, height, width), 0, -1)
        array = array.reshape(height, width, self.layout.samples)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        return without_alpha(values_of(array, self.page, self._ids), self.alpha)

    def _stored(self, number: int) -> np.ndarray:
        """A page of a file that has one directory, and behind it the pixels of all pages."""
        dtype = np.dtype(self.tiff.byteorder + self.page.dtype.char)
        count = math.prod(self.page.shape)
        self._file.seek(self._image.dataoffset + number * count * dtype.itemsize)
        data = self._file.read(count * dtype.itemsize)
        if len(data) < count * dtype.itemsize:
            raise damaged("TIFF", f"{len(data)} of {count * dtype.itemsize} bytes of page {number}")
        return np.frombuffer(data, dtype)


def open_tiff_volume(file: BinaryIO, *, max_pixels: int, max_segments: int = MAX_SEGMENTS) -> TiffVolume:
    """Opens a TIFF file that need not fit into the memory. Arguments and errors are those of `TiffVolume`."""
    file.seek(0)
    with mmap(file.fileno(), 0, access=ACCESS_READ) as data:  # its pages are read only where they are needed
        return TiffVolume(file, data, max_pixels=max_pixels, max_segments=max_segments)


def layout_of(image: Any) -> Layout:  # noqa: ANN401 - a type of tifffile, whose import is slow
    """Series of tifffile → how its pages follow each other; refuses pages that are no planes."""
    page, axes, shape = image.keyframe, image.axes, image.shape
    first = min(axes.find("Y"), axes.find("X"))
    while first > 0 and math.prod(shape[first:]) < page.size:
        first -= 1
    of_page = {axis: n for axis, n in zip(axes[first:], shape[first:], strict=True) if n > 1 or axis in "YX"}
    letters, size = "".join(of_page), (of_page.get("Y"), of_page.get("X"))
    if math.prod(shape[first:]) != page.size or size != (page.imagelength, page.imagewidth):
        raise damaged("TIFF", "its pixels do not fit its header")
    if letters not in OF_ONE_PAGE:
        sizes = "×".join(map(str, shape))
        raise Refusal(f"a stack of {sizes} ({axes}) that is not stored plane by plane", fix=SPLIT)
    samples = page.size // (page.imagelength * page.imagewidth)
    outer = zip(axes[:first], shape[:first], strict=True)
    known = tuple((UNKNOWN if axis in UNDESCRIBED else axis, length) for axis, length in outer if length > 1)
    named = [axis for axis, _ in known if axis != UNKNOWN]
    if len(set(named)) < len(named):
        raise damaged("TIFF", f"its description has an axis twice ({axes})")
    return Layout(known, samples, samples_first=samples > 1 and letters[0] in "SC")


def _names_of(tiff: Any) -> tuple[str, ...]:  # noqa: ANN401
    """The names of the channels: those of OME-XML, or the labels of an ImageJ file whose planes are all channels."""
    if tiff.is_ome:
        return channel_names(tiff.pages[0].description)
    labels = (tiff.imagej_metadata or {}).get("Labels", ()) if tiff.is_imagej else ()
    return tuple(map(str, labels)) if isinstance(labels, list) and len(set(labels)) == len(labels) else ()
