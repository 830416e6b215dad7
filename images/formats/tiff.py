"""TIFF files: every part that a file names is checked to be there before `images.formats.tiff_volume` decodes it."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from mmap import mmap
from typing import Any, BinaryIO

import numpy as np

from images.formats.headers import NO_TAG, TO_RGB, Refusal, Tag, check_palette, check_size, damaged, directories
from images.formats.jpeg import jpeg_frame
from images.formats.ome import check_ome

WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES = 256, 257, 258, 259, 277  # numbers of tags
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, INKS, YCBCR = 0, 1, 2, 3, 5, 6  # values of the photometric tag
UNCOMPRESSED, JPEG = 1, (6, 7)  # values of the compression tag
# CCITT, LZW, deflate, PackBits, LZMA and Zstandard inflate to no more than the header claims. Images inside a TIFF
# (JPEG, JPEG 2000, WebP, PNG, …) have sizes of their own; only JPEG is read, and its size is compared with the header.
COMPRESSIONS = (UNCOMPRESSED, 2, 3, 4, 5, *JPEG, 8, 32773, 32946, 34925, 50000)
STRIPS, TILES = 273, 324  # numbers of the tags that say where the pixels lie
# A file of more was made to fill the memory. The second number is of the strips or tiles of one page, the third of all.
MAX_PAGES, MAX_SEGMENTS, MAX_SEGMENTS_OF_FILE = 4096, 2**16, 2**20
MAX_TAGS_OF_FILE = 2**16  # 16 for each page
BLOCK = 16  # pixels: JPEG stores whole blocks, and some writers count all of the last block
ALPHA = (1, 2)  # values of the extra samples tag: premultiplied alpha, and alpha that is not
SPLIT = "split it into single planes, one image per file"


def check_header(data: bytes | mmap, *, max_pixels: int, max_segments: int) -> list[dict[int, Tag]]:
    """Refuses a TIFF file whose header is damaged or claims too much; returns the directories of its pages.

    Args:
        max_pixels: the most pixels (H*W) that the header of any page may claim.
        max_segments: the most strips or tiles that a page may have.
    """
    pages = _directories_of(data)
    segments_of_all = 0
    for tags in pages:
        if (end := max((tag.end for tag in tags.values()), default=0)) > len(data):
            raise damaged("TIFF", f"a tag reaches to byte {end} of {len(data)}")
        if (segments := max(tags.get(kind, NO_TAG).count for kind in (STRIPS, TILES))) > max_segments:
            found = f"{segments} strips or tiles, at most {max_segments} are read"
            raise Refusal(found, fix="save it in larger ones")
        segments_of_all += segments
        if segments_of_all > max(max_segments, MAX_SEGMENTS_OF_FILE):
            found = f"more than {max(max_segments, MAX_SEGMENTS_OF_FILE)} strips or tiles in all pages"
            raise Refusal(found, fix="save it in larger ones, or " + SPLIT)
        if HEIGHT not in tags or WIDTH not in tags:
            raise damaged("TIFF", "no header")
        check_size(tags[HEIGHT].value, tags[WIDTH].value, max_pixels)
    if not pages:
        raise damaged("TIFF", "without pages")
    return pages


def _directories_of(data: bytes | mmap) -> list[dict[int, Tag]]:
    """The directories of all pages, if they are not so many that they would fill the memory."""
    pages, tags, values = [], 0, 0
    for page in islice(directories(data), MAX_PAGES + 1):
        pages.append(page)
        tags += len(page)
        values += sum(tag.count for tag in page.values())
        if len(pages) > MAX_PAGES:
            raise Refusal(f"a stack of more than {MAX_PAGES} pages", fix=SPLIT)
        if tags > MAX_TAGS_OF_FILE:
            raise Refusal(f"more than {MAX_TAGS_OF_FILE} tags in {len(pages)} pages", fix="save it anew")
        if len(pages) > 1 and values > 4 * len(data) + 2**20:  # pages may share values, but not so many
            raise Refusal(f"tags of {values} values in a file of {len(data)} bytes", fix="save it anew")
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


def check_image(image: Any, data: bytes | mmap, pages: Sequence[Mapping[int, Tag]]) -> None:  # noqa: ANN401
    """Refuses a series of tifffile whose colours, values, strips or tiles are not read.

    Args:
        pages: what `check_header` returned.
    """
    _check_colours(image.keyframe)
    for part in image.pages:
        if part is None:  # tifffile fills such planes with zeros
            raise Refusal("planes of this TIFF lie in other files", fix="save each image as one file")
        _check_alike(part, image.keyframe, pages)
        _check_segments(part, data)


def _check_alike(part: Any, first: Any, pages: Sequence[Mapping[int, Tag]]) -> None:  # noqa: ANN401
    """Refuses a page that is stored in another way than the first: tifffile reads all pages of a stack like the first.

    Pages that a description only promises have no directory, and their number is beyond those of `pages`.
    """
    if all(type(page.index) is int and page.index < len(pages) for page in (part, first)):
        own, expected = pages[part.index], pages[first.index]
        for tag in (WIDTH, HEIGHT, BITS, COMPRESSION, SAMPLES):
            if own.get(tag, NO_TAG).value != expected.get(tag, NO_TAG).value:
                raise Refusal("a stack whose pages have different sizes or kinds of pixels", fix=SPLIT)


def _check_planes(file: Any, image: Any) -> None:  # noqa: ANN401
    """Refuses a file with fewer planes than its description says: tifffile would read only the first page."""
    promised = [(file.imagej_metadata or {}).get("images", 1) * image.keyframe.size] if file.is_imagej else []
    promised += [math.prod(about.get("shape", ())) for about in file.shaped_metadata or ()]
    if (most := max(promised, default=0)) > image.size:
        raise damaged("TIFF", f"{image.size} of the {most} values that its description names")


def alpha_of(page: Any, samples: int) -> bool | None:  # noqa: ANN401
    """True if the last sample of a page is alpha, False if there is no alpha, None if only the values can show which.

    The last is so for RGB with a fourth sample that is not marked: some programs write alpha in this way.
    """
    if page.samplesperpixel == samples and samples in (2, 4) and any(x in ALPHA for x in page.extrasamples):
        return True
    return None if samples == 4 and page.photometric == RGB else False


def without_alpha(array: np.ndarray, alpha: bool | None) -> np.ndarray:
    """[H, W, C] → the same without alpha; a fourth channel of RGB that is constant counts as alpha."""
    if alpha is None:
        alpha = bool((array[..., 3] == array[0, 0, 3]).all())
    return array[..., :-1] if alpha else array


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
    if key.is_contiguous and any(offsets[i] + counts[i] != offsets[i + 1] for i in range(len(offsets) - 1)):
        raise Refusal("a stack whose first page is stored in one piece, and others are not", fix=SPLIT)
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


def values_of(array: np.ndarray, page: Any, ids: bool) -> np.ndarray:  # noqa: ANN401
    """[H, W, C] as stored → [H, W, C] of the numbers that the reader returns, alpha included.

    Args:
        ids: return the numbers as stored, not the brightness that a palette or the bit depth gives them.
    """
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
