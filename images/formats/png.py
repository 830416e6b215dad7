"""Checks of PNG files: the checksums, the size, and whether there are as many bytes of pixels as the header claims.

No pixel is decoded here.
"""

from __future__ import annotations

import struct
import zlib

from images.formats.headers import Header, Refusal, check_size, damaged, exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
PIXEL_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")  # the decoder gets these
CHECKED_CHUNKS = (b"eXIf", b"acTL")  # these are read here, and the decoder does not get them
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type of the header → channels
# Adam7, the interlacing of PNG: the first row, the first column, the row step and the column step of each pass.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png_header(data: bytes, max_pixels: int) -> Header:
    """Whole PNG file → its header.

    The size, the checksum of each chunk up to the end mark, and the number of bytes that the pixels inflate to are
    checked. The decoder gets only the chunks that pixels need, because text and profiles may inflate to any size.
    """
    chunks = _chunks(data, max_pixels)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"][0])
    if b"IDAT" not in chunks:
        raise damaged("PNG", "without pixels")
    palettes = chunks.get(b"PLTE", [])
    if len(palettes) > 1:
        raise damaged("PNG", f"{len(palettes)} palettes")
    palette = b"".join(palettes)
    if colour == 3 and (len(palette) % 3 or not 0 < len(palette) <= 768):
        raise damaged("PNG", "without a palette")
    animation = chunks.get(b"acTL", (b"\0\0\0\1\0\0\0\0",))[0]  # the number of pictures, and of repetitions
    if len(animation) != 8:
        raise damaged("PNG", f"a chunk acTL of {len(animation)} bytes, 8 are needed")
    if struct.unpack_from(">I", animation)[0] > 1:
        raise Refusal("an animated PNG", fix="split it into single images")
    _check_inflated(chunks[b"IDAT"], _inflated_size(width, height, depth * CHANNELS.get(colour, 4), interlaced))
    orientation = exif_orientation(bytes(chunks[b"eXIf"][-1])) if b"eXIf" in chunks else 1
    decodable = _file_of({kind: parts for kind, parts in chunks.items() if kind in PIXEL_CHUNKS})
    return Header(height, width, colour in (0, 4), depth, orientation, palette if colour == 3 else None, decodable)


def _chunks(data: bytes, max_pixels: int) -> dict[bytes, list[memoryview]]:
    """PNG file → the contents of its chunks by their kind, for the kinds that are read here or by the decoder.

    The kinds come in the order of their first chunks, so that IHDR is the first.
    """
    view, position, kind = memoryview(data), 8, b""
    chunks: dict[bytes, list[memoryview]] = {}
    while kind != b"IEND":
        if position + 12 > len(data):
            raise damaged("PNG", f"its {len(data)} bytes lack the end mark")
        length, kind = struct.unpack_from(">I4s", data, position)
        start, end = position + 8, position + 8 + length
        if end + 4 > len(data):
            raise damaged("PNG", f"{end + 4 - len(data)} bytes are missing after its {len(data)}")
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise damaged("PNG", f"wrong checksum at byte {position}")
        if not chunks:
            if kind != b"IHDR" or length != 13:
                raise damaged("PNG", "no header")
            check_size(*struct.unpack_from(">II", data, start)[::-1], max_pixels)
        if kind in PIXEL_CHUNKS + CHECKED_CHUNKS:
            chunks.setdefault(kind, []).append(view[start:end])
        position = end + 4
    return chunks


def _inflated_size(width: int, height: int, bits: int, interlaced: int) -> int:
    """Number of bytes of all rows of pixels; each row begins with a byte for its filter."""
    size = 0
    for top, left, down, right in ADAM7 if interlaced else ((0, 0, 1, 1),):
        rows, columns = -(-(height - top) // down), -(-(width - left) // right)
        size += rows * (1 + (columns * bits + 7) // 8) if rows > 0 and columns > 0 else 0
    return size


def _check_inflated(parts: list[memoryview], expected: int) -> None:
    """Refuses pixels that inflate to fewer bytes than the header claims, or to more, which could fill the memory."""
    stream, size = zlib.decompressobj(), 0
    try:
        for part in parts:
            while part and size <= expected:
                size += len(stream.decompress(part, 2**20))
                part = stream.unconsumed_tail
    except zlib.error as error:
        raise damaged("PNG", str(error)) from error
    if size != expected:
        inflated = f"more than {expected}" if size > expected else f"{size} of {expected}"
        raise damaged("PNG", f"its rows inflate to {inflated} bytes")


def _file_of(chunks: dict[bytes, list[memoryview]]) -> bytes:
    """Chunks by their kind → a PNG file; the chunks of one kind follow each other."""
    pieces = [SIGNATURE]
    for kind, parts in chunks.items():
        for part in parts:
            checksum = zlib.crc32(part, zlib.crc32(kind))
            pieces += [struct.pack(">I", len(part)), kind, part, struct.pack(">I", checksum)]
    return b"".join(pieces)


def with_index_palette(header: Header) -> bytes:
    """Header of a PNG with a palette → the file with the grey of each index in place of the palette's colour."""
    length = struct.pack(">I", len(header.palette))
    start = header.decodable.index(length + b"PLTE" + header.palette) + 4
    chunk = b"PLTE" + bytes(index for index in range(len(header.palette) // 3) for _ in range(3))
    rest = header.decodable[start + len(chunk) + 4 :]
    return header.decodable[:start] + chunk + struct.pack(">I", zlib.crc32(chunk)) + rest
