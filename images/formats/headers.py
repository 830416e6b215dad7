"""Checks of image files before they are decoded: their format, the size in their header, and that nothing is missing.

This module holds what all formats share, and the checks of BMP. The modules beside it check the other formats. Nothing
here decodes a pixel: `images.reading` decodes a file after these checks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from mmap import mmap
from typing import NamedTuple

import numpy as np

from system.errors import FileFault

# The first bytes of a file → its format.
FORMATS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
}
# A pattern of a file's first bytes → what the file is. Errors name it; none of these is read.
OTHER_FORMATS = (
    (rb"GIF8", "a GIF image"),
    (rb"RIFF....WEBP", "a WebP image"),
    (rb"\0\0\0\x0cjP|\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (rb"....ftyp", "a HEIF or AVIF image, or a film"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x1f\x8b", "a gzip archive"),
    (rb"\x89HDF", "an HDF5 file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\0\x05\x16\x07", "macOS metadata (AppleDouble)"),
    (rb"version https://git-lfs", "a Git LFS pointer, for which `git lfs pull` fetches the file"),
    (rb"(?i)\s*<(!doctype html|html)", "an HTML page"),
    (rb"\s*<(\?xml|svg)", "an XML or SVG document"),
    (rb"\0+\Z", "zeros only"),
)
MAX_TAGS = 4096  # cameras write about a hundred
ORIENTATION = 274  # the number of this tag in EXIF and in TIFF
# The number of a type of values in a directory → bytes of one value; and → its letter in `struct`, if it is an
# unsigned integer.
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODE_OF_TYPE = {1: "B", 3: "H", 4: "I", 16: "Q"}
# What to do about a file, for several errors.
TO_RGB = "convert it to RGB first (ImageMagick: -colorspace sRGB)"
COPY_AGAIN = "copy it again, or remove it with its masks"


class Refusal(Exception):
    """Why the bytes of a file are not read; `images.reading` makes it a `FileError` that names the file.

    Attributes:
        found, fix, kind: as of `FileError`.
    """

    def __init__(self, found: str, *, fix: str, kind: FileFault = "content") -> None:
        super().__init__(f"{found}; {fix}")
        self.found, self.fix, self.kind = found, fix, kind


@dataclass(frozen=True)
class Header:
    """What a PNG, JPEG or BMP file says that it holds.

    Attributes:
        height, width: of the image in pixels, before it is turned upright.
        grey: there is one channel besides alpha.
        depth: bits of one value of a channel, or of one palette index.
        orientation: EXIF's number, 1 to 8.
        palette: of a PNG: red, green and blue of index 0, of index 1, and so on; None without a palette.
        decodable: the part of the file that the decoder gets.
    """

    height: int
    width: int
    grey: bool
    depth: int = 8
    orientation: int = 1
    palette: bytes | None = None
    decodable: bytes = b""


def damaged(image_format: str, why: str) -> Refusal:
    """The refusal of a file that is cut off or damaged."""
    found = f"not a readable image: a cut-off or damaged {image_format} ({why})"
    return Refusal(found, fix=COPY_AGAIN, kind="unreadable")


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Refuses an image without pixels, or one of more than `max_pixels` pixels (H*W)."""
    if height < 1 or width < 1:
        found = f"{height}×{width} pixels (H×W), an image without pixels"
        raise Refusal(found, fix="replace it, or remove it with its masks")
    if height * width > max_pixels:
        raise Refusal(
            f"{height}×{width} pixels (H×W)",
            fix=f"at most {max_pixels} pixels are read: cut it into smaller images, or raise data.max_pixels if the "
            "file is what it should be",
        )


def format_of(data: bytes) -> str:
    """Bytes of a file → "PNG", "JPEG", "TIFF" or "BMP". The file's name does not matter."""
    for magic, image_format in FORMATS.items():
        if data.startswith(magic):
            return image_format
    if not data:
        raise Refusal("not a readable image (0 bytes): an empty file", fix=COPY_AGAIN, kind="unreadable")
    found = next((what for pattern, what in OTHER_FORMATS if re.match(pattern, data, re.DOTALL)), None)
    if found is None:
        start = data[:40].decode("ascii", "replace")
        found = f"text that begins with {start!r}" if start.isascii() and start.isprintable() else "of no known format"
    raise Refusal(
        f"not a readable image ({len(data)} bytes): {found}",
        fix="PNG, JPEG, TIFF and BMP are read: convert or replace it, or remove it with its masks",
        kind="unreadable",
    )


class Tag(NamedTuple):
    """One entry of a directory.

    Attributes:
        value: the first of its values, 0 if that is not an unsigned integer.
        count: the number of its values.
        end: the first byte of the file behind its values.
    """

    value: int
    count: int
    end: int


NO_TAG = Tag(value=1, count=0, end=0)  # stands in for an absent tag; 1 is the default orientation


def directories(data: bytes | mmap) -> Iterator[dict[int, Tag]]:
    """TIFF file or EXIF block → its directories in their order; each is number of a tag → tag."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    pointer, amount, entry, inline = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + pointer, data, 8 if big else 4)
        while offset and offset not in seen:
            seen.add(offset)
            (entries,) = struct.unpack_from(order + amount, data, offset)
            if entries > MAX_TAGS:
                raise Refusal(f"a TIFF directory of {entries} tags, at most {MAX_TAGS} are read", fix="save it anew")
            position = offset + struct.calcsize(amount)
            tags = {}
            for _ in range(entries):
                tag, kind, count = struct.unpack_from(order + entry, data, position)
                place = position + struct.calcsize("=" + entry)
                position = place + inline
                if (size := count * BYTES_OF_TYPE.get(kind, 1)) > inline:
                    (place,) = struct.unpack_from(order + pointer, data, place)
                readable = kind in CODE_OF_TYPE and place + size <= len(data) and size
                value = struct.unpack_from(order + CODE_OF_TYPE[kind], data, place)[0] if readable else 0
                tags[tag] = Tag(value, count, place + size)
            (offset,) = struct.unpack_from(order + pointer, data, position)
            yield tags
    except (struct.error, OverflowError):  # OverflowError: an offset has more than 63 bits
        raise damaged("TIFF", f"a directory reaches beyond its {len(data)} bytes") from None


def exif_orientation(block: bytes) -> int:
    """EXIF block → its orientation, 1 to 8; 1 where it has none."""
    try:
        return next(directories(block), {}).get(ORIENTATION, NO_TAG).value
    except Refusal:  # a damaged EXIF block does not mean that the pixels are damaged
        return 1


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """[H, W, C] as stored → [H, W, C] upright, by the EXIF orientation; numbers outside 1 to 8 count as 1."""
    if orientation in (5, 6, 7, 8):  # the file stores columns as rows
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array


def check_palette(indices: np.ndarray, colours: np.ndarray) -> None:
    """Refuses label ids that a file stores as palette indices, if its palette shows them as other grey values.

    Args:
        indices: [H, W, 1].
        colours: [n, 3] uint8, the palette.
    """
    used = np.flatnonzero(np.bincount(indices.ravel()))
    if used[-1] >= len(colours):
        raise damaged("palette", f"index {used[-1]} among {len(colours)} colours")
    shown = colours[used]
    if (shown == shown[:, :1]).all() and (shown[:, 0] != used).any():
        raise Refusal(
            f"label ids as palette indices (up to {used[-1]}) or as their grey values (up to {shown[:, 0].max()}), "
            "and it is not clear which",
            fix="save it without a palette, as 8- or 16-bit grey",
        )


def bmp_header(data: bytes, max_pixels: int) -> Header:
    """Whole BMP file → its header. Refuses a file of fewer bytes than the header claims, and compressed files."""
    if len(data) < 26 or len(data) < 14 + (size := struct.unpack_from("<I", data, 14)[0]) or size < 12:
        raise damaged("BMP", f"no header in its {len(data)} bytes")
    start = struct.unpack_from("<I", data, 10)[0]
    compression = 0
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
    elif size >= 40:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
    else:
        raise Refusal(f"a BMP of a rare kind (header of {size} bytes)", fix="save it as PNG")
    height = abs(height)  # a negative height means that the rows are stored from the top down
    check_size(height, width, max_pixels)
    if compression not in (0, 3, 6) or bits not in (1, 4, 8, 16, 24, 32):
        raise Refusal(f"a BMP of a rare kind ({bits} bits, compression {compression})", fix="save it as PNG")
    missing = start + (width * bits + 31) // 32 * 4 * height - len(data)
    if missing > 0:
        raise damaged("BMP", f"{missing} bytes are missing after its {len(data)}")
    return Header(height, width, grey=False, depth=bits, decodable=data)
