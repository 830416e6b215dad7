"""Checks of JPEG files: the segments, the size, and whether every scan is there."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from images.formats.headers import TO_RGB, Header, Refusal, check_size, damaged, exif_orientation

MAX_SEGMENTS, MAX_SCANS = 10_000, 100  # a file of a camera has dozens of segments and about ten scans
PIXELS_PER_BYTE = 512  # eight blocks of 8×8 pixels, because each block takes at least one bit
BASELINE, EXTENDED, PROGRESSIVE, END, SCAN, APP1 = 0xC0, 0xC1, 0xC2, 0xD9, 0xDA, 0xE1  # numbers of markers
_MARKER, _END_OF_SCAN = re.compile(rb"\xff+([^\xff])"), re.compile(rb"\xff[^\0\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Frame:
    """What the frame header of a JPEG says.

    Attributes:
        marker: the kind of the frame, such as `PROGRESSIVE`.
        bits: of one value of a channel.
        sampling: the largest sampling factor of a channel; 2 means that another channel may be stored at half size.
    """

    marker: int
    bits: int
    height: int
    width: int
    channels: int
    sampling: int


def jpeg_header(data: bytes, max_pixels: int) -> Header:
    """Whole JPEG file → its header. The segments and scans up to the end mark are checked.

    The end mark of a thumbnail inside the file is not mistaken for that of the file.
    """
    frame, orientation, scans = None, 1, []
    for marker, start, content in _segments(data):
        if _is_frame(marker):
            frame = _frame(marker, content)
            _check_frame(frame, len(data), max_pixels)
        elif marker == APP1 and content[:6] == b"Exif\0\0":
            orientation = exif_orientation(content[6:])
        elif marker == SCAN:
            scans.append(content)
        elif marker == END:
            end_mark = start
    if frame is None or not scans:
        raise damaged("JPEG", "without pixels")
    if len(scans) > MAX_SCANS:
        raise Refusal(f"a JPEG of {len(scans)} scans, at most {MAX_SCANS} are read", fix="save it as PNG")
    _check_scans(scans, frame.channels)
    # libjpeg fills missing rows with grey where it meets an end mark. Without an end mark, a single scan that stops
    # early does not decode. The zeros are there because libjpeg reads up to 8 bytes ahead.
    one_scan = frame.marker != PROGRESSIVE and len(scans) == 1
    decodable = data[:end_mark] + bytes(8) if one_scan else data
    return Header(frame.height, frame.width, frame.channels == 1, 8, orientation, None, decodable)


def _segments(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """JPEG file → marker, position of the marker, and content of each segment up to the end mark.

    The compressed pixels after the header of a scan are skipped.
    """
    position = 2
    for _ in range(MAX_SEGMENTS):
        if (match := _MARKER.match(data, position)) is None:
            raise damaged("JPEG", f"no marker at byte {position} of {len(data)}")
        marker, start, position = match[1][0], position, match.end()
        if marker == END:
            yield marker, start, b""
            return
        if position + 2 > len(data) or (end := position + struct.unpack_from(">H", data, position)[0]) > len(data):
            raise damaged("JPEG", f"its {len(data)} bytes lack the end mark")
        yield marker, start, data[position + 2 : end]
        position = end
        if marker == SCAN:
            if (match := _END_OF_SCAN.search(data, position)) is None:
                raise damaged("JPEG", f"its {len(data)} bytes lack the end mark")
            position = match.start()
    raise Refusal(f"a JPEG of more than {MAX_SEGMENTS} segments", fix="save it as PNG")


def _check_scans(scans: list[bytes], channels: int) -> None:
    """Refuses a file whose last scans are missing: some bits of a channel's 64 coefficients are in no scan."""
    exact: dict[int, set[int]] = {}  # channel → coefficients whose last bit is there
    for scan in scans:
        count = scan[0] if scan else 0
        if not count or len(scan) < 4 + 2 * count:
            raise damaged("JPEG", "a scan without header")
        first, last, low = scan[1 + 2 * count], scan[2 + 2 * count], scan[3 + 2 * count] & 15
        for channel in scan[1 : 1 + 2 * count : 2]:
            exact.setdefault(channel, set()).update(range(first, min(last, 63) + 1) if low == 0 else ())
    if len(exact) != channels or any(len(coefficients) < 64 for coefficients in exact.values()):
        raise damaged("JPEG", "scans are missing")


def jpeg_frame(data: bytes) -> Frame | None:
    """JPEG file, or a strip of a TIFF that is one → its first frame header; None without a frame header."""
    try:
        return next((_frame(marker, content) for marker, _, content in _segments(data) if _is_frame(marker)), None)
    except Refusal:
        return None


def check_every_scan(data: bytes) -> None:
    """Refuses a JPEG that has an end mark although bits of a scan are missing.

    No decoder reports that a scan of a progressive file stops early. The lossless conversion from JPEG to JPEG XL has
    to keep every bit, so it fails where bits are missing.
    """
    try:
        from imagecodecs import jpegxl_encode_jpeg
    except ImportError as error:
        found = "a progressive JPEG, which only the package imagecodecs can check"
        raise Refusal(found, fix="install it: pip install imagecodecs") from error
    try:
        jpegxl_encode_jpeg(data)
    except RuntimeError as error:  # the base class of imagecodecs' errors
        if (frame := jpeg_frame(data)) and frame.sampling > 2:  # JPEG XL has no such sampling, for example 4:1:1
            found = f"a JPEG of a rare kind (colours sampled 1:{frame.sampling})"
            raise Refusal(found, fix="save it as PNG") from error
        raise damaged("JPEG", "a scan stops early") from error


def _is_frame(marker: int) -> bool:
    return 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)


def _frame(marker: int, content: bytes) -> Frame:
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        raise damaged("JPEG", "no header")
    factors = [max(factor >> 4, factor & 15) for factor in content[7 : 6 + 3 * content[5] : 3]]
    return Frame(marker, *struct.unpack_from(">BHHB", content), max(factors, default=1))


def _check_frame(frame: Frame, size: int, max_pixels: int) -> None:
    check_size(frame.height, frame.width, max_pixels)
    if frame.channels == 4:
        raise Refusal("a CMYK JPEG (4 inks for print)", fix=TO_RGB)
    if frame.marker not in (BASELINE, EXTENDED, PROGRESSIVE) or frame.bits != 8 or frame.channels not in (1, 3):
        found = f"{frame.bits} bits, {frame.channels} channels, frame {frame.marker:#x}"
        raise Refusal(f"a JPEG of a rare kind ({found})", fix="save it as PNG")
    if frame.height * frame.width > size * PIXELS_PER_BYTE:
        raise damaged("JPEG", f"{size} bytes cannot hold {frame.height}×{frame.width} pixels")
