"""Guards of the file formats: what a file is, what its header claims, and whether the rest of it is there.

What all formats share, and BMP; `images.png`, `images.jpeg` and `images.tiff` guard the others. Nothing here
decodes a pixel; `images.reading` does, after these checks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from system.errors import FileFault

FORMATS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
}
OTHERS = (
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
ORIENTATION = 274  # the tag's number, in EXIF and in TIFF
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODE_OF_TYPE = {1: "B", 3: "H", 4: "I", 16: "Q"}
TO_RGB = "convert it to RGB first (ImageMagick: -colorspace sRGB)"


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
    """What a PNG, JPEG or BMP file claims to be."""

    height: int
    width: int
    grey: bool  # one channel, apart from alpha
    depth: int = 8  # bits per sample, or per palette index
    orientation: int = 1  # EXIF: 1 to 8
    palette: bytes | None = None  # of a PNG: red, green, blue, and so on
    decodable: bytes = b""  # what of the file is given to the decoder


def damaged(kind: str, why: str) -> Refusal:
    """The refusal of a file that is cut off or broken."""
    found = f"not a readable image: a cut-off or damaged {kind} ({why})"
    return Refusal(found, fix="copy it again, or remove it with its masks", kind="unreadable")


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Refuses an image of no pixels or of more than `max_pixels` (H*W)."""
    if height < 1 or width < 1:
        found = f"{height}×{width} pixels (H×W), an image without pixels"
        raise Refusal(found, fix="replace it or remove it with its masks")
    if height * width > max_pixels:
        raise Refusal(
            f"{height}×{width} pixels (H×W)",
            fix=f"at most {max_pixels} pixels are read: cut it into smaller images, or raise data.max_pixels if the "
            "file is what it should be",
        )


def format_of(data: bytes) -> str:
    """First bytes of a file → "PNG", "JPEG", "TIFF" or "BMP", whatever the file's name ends in."""
    for magic, kind in FORMATS.items():
        if data.startswith(magic):
            return kind
    if not data:
        found, fix = "not a readable image (0 bytes): an empty file", "copy it again, or remove it with its masks"
        raise Refusal(found, fix=fix, kind="unreadable")
    found = next((what for pattern, what in OTHERS if re.match(pattern, data, re.DOTALL)), None)
    if found is None:
        start = data[:40].decode("ascii", "replace")
        found = f"text that begins with {start!r}" if start.isascii() and start.isprintable() else "of no known format"
    raise Refusal(
        f"not a readable image ({len(data)} bytes): {found}",
        fix="PNG, JPEG, TIFF and BMP are read: convert or replace it, or remove it with its masks",
        kind="unreadable",
    )


class Tag(NamedTuple):
    """One entry of a directory: its first value (0 if that is no unsigned integer), their number, and their end."""

    value: int
    count: int
    end: int


NO_TAG = Tag(1, 0, 0)  # 1 is an orientation's default


def directories(data: bytes) -> Iterator[dict[int, Tag]]:
    """TIFF or EXIF block → its directories in turn, by the tags' numbers."""
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
    except (struct.error, OverflowError):  # the latter: an offset of more than 63 bits
        raise damaged("TIFF", f"a directory reaches beyond its {len(data)} bytes") from None


def exif_orientation(block: bytes) -> int:
    """EXIF block → its orientation, 1 to 8, or 1 where it tells none."""
    try:
        return next(directories(block), {}).get(ORIENTATION, NO_TAG).value
    except Refusal:  # EXIF is an aside: a broken block tells nothing about the pixels
        return 1


def check_palette(indices: np.ndarray, colours: np.ndarray) -> None:
    """Refuses label ids [H, W, 1] stored as palette indices if the palette [n, 3] gives them other grey values."""
    used = np.flatnonzero(np.bincount(indices.ravel()))
    if used[-1] >= len(colours):
        raise damaged("palette", f"index {used[-1]} among {len(colours)} colours")
    shown = colours[used]
    if (shown == shown[:, :1]).all() and (shown[:, 0] != used).any():
        raise Refusal(
            f"label ids as palette indices (up to {used[-1]}) or as their grey values (up to {shown[:, 0].max()}): "
            "which of the two are meant is not clear",
            fix="save it without a palette, as 8- or 16-bit grey",
        )


def bmp_header(data: bytes, max_pixels: int) -> Header:
    """Checks that a BMP holds as many bytes as its header claims; run-length compression is refused."""
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
    height = abs(height)  # negative: stored from the top down
    check_size(height, width, max_pixels)
    if compression not in (0, 3, 6) or bits not in (1, 4, 8, 16, 24, 32):
        raise Refusal(f"a BMP of a rare kind ({bits} bits, compression {compression})", fix="save it as PNG")
    missing = start + (width * bits + 31) // 32 * 4 * height - len(data)
    if missing > 0:
        raise damaged("BMP", f"{missing} bytes are missing after its {len(data)}")
    return Header(height, width, grey=False, depth=bits, decodable=data)
