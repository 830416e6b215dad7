"""Guards of the file formats: what a file is, what its header claims, and whether the rest of it is there.

Nothing here decodes a pixel; `datasets.reading` does, after these checks.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

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
ORIENTATION = 274  # the tag's number, in EXIF and in TIFF
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
CODE_OF_TYPE = {1: "B", 3: "H", 4: "I", 16: "Q"}
TO_RGB = "convert it to RGB first (ImageMagick: -colorspace sRGB)"


class Refusal(Exception):
    """Why a file is not read, and what to do about it; `datasets.reading` puts the file's name in front."""


@dataclass(frozen=True)
class Header:
    """What a PNG, JPEG or BMP file claims to be."""

    height: int
    width: int
    grey: bool  # one channel, apart from alpha
    depth: int = 8  # bits per sample, or per palette index
    orientation: int = 1  # EXIF: 1 to 8
    palette: tuple[int, int] | None = None  # where a PNG's palette lies in the file: start, end
    scan_end: int | None = None  # of a JPEG that is one sequential scan: where its end mark lies


def damaged(kind: str, why: str) -> Refusal:
    """The refusal of a file that is cut off or broken."""
    return Refusal(
        f"not a readable image: a cut-off or damaged {kind} ({why}); copy it again, or remove it with its masks"
    )


def check_size(height: int, width: int, max_pixels: int) -> None:
    """Refuses an image of no pixels or of more than `max_pixels` (H*W)."""
    if height < 1 or width < 1:
        raise Refusal(f"{height}×{width} pixels (H×W), an image without pixels; replace it or remove it with its masks")
    if height * width > max_pixels:
        raise Refusal(
            f"{height}×{width} pixels (H×W); at most {max_pixels} pixels are read: "
            "cut it into smaller images, or raise data.max_pixels if the file is what it should be"
        )


def format_of(data: bytes) -> str:
    """First bytes of a file → "PNG", "JPEG", "TIFF" or "BMP", whatever the file's name ends in."""
    for magic, kind in FORMATS.items():
        if data.startswith(magic):
            return kind
    if not data:
        raise Refusal("not a readable image (0 bytes): an empty file; copy it again, or remove it with its masks")
    found = next((what for pattern, what in OTHERS if re.match(pattern, data, re.DOTALL)), None)
    if found is None:
        start = data[:40].decode("ascii", "replace")
        found = f"text that begins with {start!r}" if start.isascii() and start.isprintable() else "of no known format"
    raise Refusal(
        f"not a readable image ({len(data)} bytes): {found}; "
        "PNG, JPEG, TIFF and BMP are read: convert or replace it, or remove it with its masks"
    )


def directories(data: bytes) -> Iterator[dict[int, tuple[int, int]]]:
    """TIFF or EXIF block → its directories in turn: tag → (first value if an unsigned integer, end of the values)."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    pointer, amount, entry, inline = ("Q", "Q", "HHQ", 8) if big else ("I", "H", "HHI", 4)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(order + pointer, data, 8 if big else 4)
        while offset and offset not in seen:
            seen.add(offset)
            (entries,) = struct.unpack_from(order + amount, data, offset)
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
                tags[tag] = (value, place + size)
            (offset,) = struct.unpack_from(order + pointer, data, position)
            yield tags
    except (struct.error, OverflowError):  # the latter: an offset of more than 63 bits
        raise damaged("TIFF", f"a directory reaches beyond its {len(data)} bytes") from None


def _exif_orientation(block: bytes) -> int:
    try:
        return next(directories(block), {}).get(ORIENTATION, (1, 0))[0]
    except Refusal:  # EXIF is an aside: a broken block tells nothing about the pixels
        return 1


def png_header(data: bytes, max_pixels: int) -> Header:
    """Checks all of a PNG: size, then the checksum of each chunk up to the end mark."""
    view, position, kind = memoryview(data), 8, b""
    spans: dict[bytes, tuple[int, int]] = {}
    while kind != b"IEND":
        if position + 12 > len(data):
            raise damaged("PNG", f"its {len(data)} bytes lack the end mark")
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(data):
            raise damaged("PNG", f"{end + 4 - len(data)} bytes are missing after its {len(data)}")
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise damaged("PNG", f"wrong checksum at byte {position}")
        if not spans:
            if kind != b"IHDR" or length != 13:
                raise damaged("PNG", "no header")
            width, height, depth, colour = struct.unpack_from(">IIBB", data, start)
            check_size(height, width, max_pixels)
        spans[kind] = (start, end)
        position = end + 4
    if b"IDAT" not in spans:
        raise damaged("PNG", "without pixels")
    start, end = spans.get(b"PLTE", (0, 0))
    if colour == 3 and ((end - start) % 3 or not 0 < end - start <= 768):
        raise damaged("PNG", "without a palette")
    if b"acTL" in spans and struct.unpack_from(">I", data, spans[b"acTL"][0])[0] > 1:
        raise Refusal("an animated PNG; split it into single images")
    orientation = _exif_orientation(data[slice(*spans[b"eXIf"])]) if b"eXIf" in spans else 1
    return Header(height, width, colour in (0, 4), depth, orientation, (start, end) if colour == 3 else None)


def with_index_palette(data: bytes, palette: tuple[int, int]) -> bytes:
    """A PNG with a palette → the same with each palette colour replaced by the grey of its index."""
    start, end = palette
    chunk = b"PLTE" + bytes(index for index in range((end - start) // 3) for _ in range(3))
    return data[: start - 4] + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[end + 4 :]


def without_end_mark(data: bytes, scan_end: int) -> bytes:
    """A JPEG of one sequential scan → the same with the end mark replaced by padding.

    At an end mark libjpeg fills up what is missing with grey; without one a scan that stops early does not decode.
    """
    return data[:scan_end] + bytes(8)  # as much as libjpeg reads ahead, at most a few blocks of an image


def check_palette(indices: np.ndarray, colours: np.ndarray) -> None:
    """Refuses label ids [H, W, 1] stored as palette indices if the palette [n, 3] gives them other grey values."""
    used = np.flatnonzero(np.bincount(indices.ravel()))
    if used[-1] >= len(colours):
        raise damaged("palette", f"index {used[-1]} among {len(colours)} colours")
    shown = colours[used]
    if (shown == shown[:, :1]).all() and (shown[:, 0] != used).any():
        raise Refusal(
            f"label ids as palette indices (up to {used[-1]}) or as their grey values (up to {shown[:, 0].max()})? "
            "Save it without a palette, as 8- or 16-bit grey"
        )


def jpeg_header(data: bytes, max_pixels: int) -> Header:
    """Checks a JPEG's segments and scans up to the end mark; a thumbnail's own end mark is not mistaken for it."""
    position, frame, orientation, scans = 2, None, 1, 0
    while True:
        if (match := re.compile(rb"\xff+([^\xff])").match(data, position)) is None:
            raise damaged("JPEG", f"no marker at byte {position} of {len(data)}")
        marker, start, position = match[1][0], position, match.end()
        if marker == 0xD9:
            break
        if position + 2 > len(data) or (end := position + struct.unpack_from(">H", data, position)[0]) > len(data):
            raise damaged("JPEG", f"its {len(data)} bytes lack the end mark")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if end - position < 8:
                raise damaged("JPEG", "no header")
            frame = (marker, *struct.unpack_from(">BHHB", data, position + 2))
            _check_frame(*frame, max_pixels)
        elif marker == 0xE1 and data[position + 2 : position + 8] == b"Exif\0\0":
            orientation = _exif_orientation(data[position + 8 : end])
        position = end
        if marker == 0xDA:
            scans += 1
            if (match := re.compile(rb"\xff[^\0\xff\xd0-\xd7]").search(data, position)) is None:
                raise damaged("JPEG", f"its {len(data)} bytes lack the end mark")
            position = match.start()
    if frame is None or not scans:
        raise damaged("JPEG", "without pixels")
    one_scan = frame[0] in (0xC0, 0xC1) and scans == 1
    return Header(frame[2], frame[3], frame[4] == 1, 8, orientation, scan_end=start if one_scan else None)


def _check_frame(marker: int, bits: int, height: int, width: int, channels: int, max_pixels: int) -> None:
    check_size(height, width, max_pixels)
    if channels == 4:
        raise Refusal(f"a CMYK JPEG (4 inks for print); {TO_RGB}")
    if bits != 8 or marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) or channels not in (1, 3):
        raise Refusal(f"a JPEG of a rare kind ({bits} bits, {channels} channels, frame {marker:#x}); save it as PNG")


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
        raise Refusal(f"a BMP of a rare kind (header of {size} bytes); save it as PNG")
    height = abs(height)  # negative: stored from the top down
    check_size(height, width, max_pixels)
    if compression not in (0, 3, 6) or bits not in (1, 4, 8, 16, 24, 32):
        raise Refusal(f"a BMP of a rare kind ({bits} bits, compression {compression}); save it as PNG")
    missing = start + (width * bits + 31) // 32 * 4 * height - len(data)
    if missing > 0:
        raise damaged("BMP", f"{missing} bytes are missing after its {len(data)}")
    return Header(height, width, grey=False, depth=bits)
