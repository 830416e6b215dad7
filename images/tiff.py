"""TIFF files → arrays. Every part that a file names is checked to be there; then tifffile decodes the file."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from mmap import mmap
from typing import Any, BinaryIO

import numpy as np

from images.formats import NO_TAG, ORIENTATION, TO_RGB, Refusal, Tag, check_palette, check_size, damaged, directories
from images.jpeg import jpeg_frame
from images.ome import check_ome

WIDTH, HEIGHT = 256, 257  # numbers of tags
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INKS, YCBCR = 0, 1, 2, 3, 5, 6  # values of the photometric tag
UNCOMPRESSED, JPEG = 1, (6, 7)  # values of the compression tag
# CCITT, LZW, deflate, PackBits, LZMA and Zstandard inflate to no more than the header claims. Images inside a TIFF
# (JPEG, JPEG 2000, WebP, PNG, …) have sizes of their own; only JPEG is read, and its size is compared with the header.
COMPRESSIONS = (UNCOMPRESSED, 2, 3, 4, 5, *JPEG, 8, 32773, 32946, 34925, 50000)
STRIPS, TILES = 273, 324  # numbers of the tags that say where the pixels lie
MAX_PAGES, MAX_SEGMENTS = 100, 2**16  # a file of more is a stack, or it was made to fill the memory
BLOCK = 16  # pixels: JPEG stores whole blocks, and some writers count all of the last block
ALPHA = (1, 2)  # values of the extra samples tag: premultiplied alpha, and alpha that is not
SPLIT = "split it into single planes, one image per file"


def read_tiff(data: bytes, *, max_pixels: int, ids: bool) -> tuple[np.ndarray, int]:
    """Whole TIFF file → [H, W, C] of its true dtype with C 1 or 3, and its orientation, 1 to 8, not applied yet.

    Args:
        max_pixels: the most pixels (H*W) that the header of any page may claim.
        ids: return the numbers as stored, not the brightness that a palette or the bit depth gives them.

    Raises:
        Refusal: the file is cut off, damaged, too large or a stack, or it has channels or colours that are not read.
    """
    pages = check_header(data, max_pixels=max_pixels, max_segments=MAX_SEGMENTS)
    with clear_errors():
        array = _decode(data, ids)
    size = (pages[0][HEIGHT].value, pages[0][WIDTH].value)
    if array.shape not in ((*size, 1), (*size, 3)):
        raise damaged("TIFF", "its pixels do not fit its header")
    return array, pages[0].get(ORIENTATION, NO_TAG).value


def check_header(data: bytes | mmap, *, max_pixels: int, max_segments: int) -> list[dict[int, Tag]]:
    """Refuses a TIFF file whose header is damaged or claims too much; returns the directories of its pages.

    Args:
        max_pixels: as for `read_tiff`.
        max_segments: the most strips or tiles that a page may have.
    """
    pages = list(islice(directories(data), MAX_PAGES + 1))
    if len(pages) > MAX_PAGES:
        raise Refusal(f"a stack of more than {MAX_PAGES} pages", fix=SPLIT)
    for tags in pages:
        if (end := max((tag.end for tag in tags.values()), default=0)) > len(data):
            raise damaged("TIFF", f"a tag reaches to byte {end} of {len(data)}")
        if (segments := max(tags.get(kind, NO_TAG).count for kind in (STRIPS, TILES))) > max_segments:
            found = f"{segments} strips or tiles, at most {max_segments} are read"
            raise Refusal(found, fix="save it in larger ones")
        if HEIGHT not in tags or WIDTH not in tags:
            raise damaged("TIFF", "no header")
        check_size(tags[HEIGHT].value, tags[WIDTH].value, max_pixels)
    if not pages:
        raise damaged("TIFF", "without pages")
    return pages


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turns what tifffile and the decoders raise into a `Refusal`."""
    try:
        yield
    except Refusal:
        raise
    except Exception as error:  # a damaged file makes tifffile raise exceptions of any kind
        if "imagecodecs" in str(error):
            found = "compressed in a way that only the package imagecodecs can read"
            raise Refusal(found, fix="install it: pip install imagecodecs") from error
        raise damaged("TIFF", str(error) or type(error).__name__) from error


def _decode(data: bytes, ids: bool) -> np.ndarray:
    with open_tiff(io.BytesIO(data)) as file:
        image = the_image(file)
        axes, alpha = check_image(image, data)
        page = image.keyframe
        array = image.asarray(maxworkers=1).reshape([*axes.values()])
        if next(iter(axes)) in "CS":
            array = np.moveaxis(array, 0, -1)
        array = np.atleast_3d(array)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)
        return _without_alpha(_values(array, page, ids), alpha)


def open_tiff(file: BinaryIO) -> Any:  # noqa: ANN401 - types of tifffile, whose import is slow
    """An open file → tifffile's object for it."""
    import tifffile  # the import takes a third of a second, and only TIFF files need it

    # tifffile's log lines do not name the file. The errors that this project raises do.
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
    return tifffile.TiffFile(file)


def the_image(file: Any) -> Any:  # noqa: ANN401
    """The one series of tifffile that the file has, without its smaller copies; refuses a file of several images."""
    page = file.pages[0]
    if page.is_ome:
        check_ome(page.description, height=page.imagelength, width=page.imagewidth)
    images = [image for image in file.series if not image.keyframe.is_reduced] or file.series[:1]
    if len(images) > 1:
        raise Refusal(f"{len(images)} images in one TIFF", fix="split it into files of one image")
    _check_planes(file, images[0])
    return images[0]


def check_image(image: Any, data: bytes | mmap) -> tuple[dict[str, int], bool | None]:  # noqa: ANN401
    """Refuses a series whose axes, colours or strips are not read; returns the sizes of its axes, and `alpha`.

    `alpha` is True if the last channel is alpha, False if there is none, None if only the values can show which.
    """
    axes = _plane_axes(image)
    alpha = _check_channels(axes, image.keyframe)
    _check_colours(image.keyframe)
    for part in image.pages:
        if part is None:  # tifffile fills such planes with zeros
            raise Refusal("planes of this TIFF lie in other files", fix="save each image as one file")
        _check_segments(part, data)
    return axes, alpha


def _check_planes(file: Any, image: Any) -> None:  # noqa: ANN401
    """Refuses a file with fewer planes than its description says: tifffile would read only the first page."""
    promised = [(file.imagej_metadata or {}).get("images", 1) * image.keyframe.size] if file.is_imagej else []
    promised += [math.prod(about.get("shape", ())) for about in file.shaped_metadata or ()]
    if (most := max(promised, default=0)) > image.size:
        raise damaged("TIFF", f"{image.size} of the {most} values that its description names")


def _plane_axes(image: Any) -> dict[str, int]:  # noqa: ANN401
    """Series of tifffile → letter of each axis → its size; refuses an image of more than one plane."""
    axes = {axis: size for axis, size in zip(image.axes, image.shape, strict=True) if size > 1 or axis in "YX"}
    if "".join(axes) not in ("YX", "YXS", "YXC", "SYX", "CYX"):
        sizes = "×".join(map(str, image.shape))
        raise Refusal(f"a stack of {sizes} ({image.axes})", fix=SPLIT)
    return axes


def _check_channels(axes: dict[str, int], page: Any) -> bool | None:  # noqa: ANN401
    """True if the last channel is alpha, False if there is no alpha, None if only the values can show which."""
    channels = axes.get("S", axes.get("C", 1))
    if page.samplesperpixel == channels and channels in (2, 4) and any(x in ALPHA for x in page.extrasamples):
        return True
    if channels in (1, 3):
        return False
    if channels == 4:
        return None
    fix = "images of 1 (grey) or 3 (RGB) are read: save the channels that are needed"
    raise Refusal(f"{channels} channels", fix=fix)


def _without_alpha(array: np.ndarray, alpha: bool | None) -> np.ndarray:
    """[H, W, C] → the same without alpha; a fourth channel that is constant counts as alpha."""
    if alpha is None and (array[..., 3] != array[0, 0, 3]).any():
        found, fix = "4 channels, the fourth not marked as alpha", "save the 1 or 3 channels that are needed"
        raise Refusal(found, fix=fix)
    return array if alpha is False else array[..., :-1]


def _check_colours(page: Any) -> None:  # noqa: ANN401
    """Refuses kinds of colours, compressions and values that are not read."""
    if page.photometric == INKS:
        raise Refusal("a CMYK TIFF (inks for print)", fix=TO_RGB)
    read = (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, *((YCBCR,) if page.compression in JPEG else ()))
    if page.photometric not in read:
        raise Refusal(f"a TIFF of {getattr(page.photometric, 'name', page.photometric)} colours", fix=TO_RGB)
    if page.compression not in COMPRESSIONS:
        found = f"a TIFF compressed as {getattr(page.compression, 'name', page.compression)}"
        raise Refusal(found, fix="save it with LZW")
    if page.dtype is None or page.dtype.kind not in "buif":
        found = f"a TIFF of {page.dtype or 'unknown'} values"
        raise Refusal(found, fix="integers and floats are read: convert it first")


def _check_segments(page: Any, data: bytes | mmap) -> None:  # noqa: ANN401
    """Refuses a page whose strips or tiles are not all there."""
    size, key = len(data), page.keyframe
    offsets, counts = page.dataoffsets, page.databytecounts
    if len(offsets) != len(counts) or len(offsets) < math.prod(page.keyframe.chunked):
        raise damaged("TIFF", f"{len(offsets)} of {math.prod(page.keyframe.chunked)} strips or tiles")
    for offset, count in zip(offsets, counts, strict=True):
        if offset < 8 or count < 1 or offset + count > size:
            raise damaged("TIFF", f"pixels at bytes {offset} to {offset + count} of {size}")
        if key.compression in JPEG and (frame := jpeg_frame(data[offset : offset + count])):
            rows = min(key.rowsperstrip, key.imagelength)  # rowsperstrip is 2**32-1 where one strip holds all rows
            most = (key.tilelength, key.tilewidth) if key.is_tiled else (rows, key.imagewidth)
            if frame.height > most[0] + BLOCK or frame.width > most[1] + BLOCK:
                raise damaged("TIFF", f"a JPEG of {frame.height}×{frame.width} in place of {most[0]}×{most[1]}")
    rows = math.prod(key.shape[:-1]) if key.axes.endswith("YX") else key.shape[0]
    row = (math.prod(key.shape) // rows * key.bitspersample + 7) // 8
    if key.compression == UNCOMPRESSED and sum(counts) < rows * row:
        raise damaged("TIFF", f"{sum(counts)} of {rows * row} bytes of pixels")


def _values(array: np.ndarray, page: Any, ids: bool) -> np.ndarray:  # noqa: ANN401
    """[H, W, C] as stored → [H, W, C] of the numbers that `read_tiff` returns, alpha included."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # a value too large for float32 becomes infinite, and is refused later
            return array.astype(np.float32, copy=False)
    bits = page.bitspersample
    if page.photometric == PALETTE:
        colours = np.asarray(page.colormap).T
        colours = (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)
        if ids:
            check_palette(array, colours)
            return array
        coloured = colours[array[..., 0]]
        return coloured[..., :1] if (coloured == coloured[..., :1]).all() else coloured
    if ids:
        return array.astype(np.uint8) if bits == 1 else array
    # tifffile writes boolean arrays as they are, but it labels them "white is zero".
    as_written = bits == 1 and page.software.startswith("tifffile")
    if page.photometric == WHITE_IS_ZERO and array.dtype.kind in "bu" and not as_written:
        array = ~array if bits == 1 else ((1 << bits) - 1) - array
    return array.astype(np.uint8) * (255 // ((1 << bits) - 1)) if bits < 8 else array
