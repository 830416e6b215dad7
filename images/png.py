"""Guards of PNG files: checksums, sizes, and as many bytes of pixels as the header claims.

No pixel is decoded here.
"""

from __future__ import annotations

import struct
import zlib

from images.formats import Header, Refusal, check_size, damaged, exif_orientation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
FOR_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
ASIDE = (b"eXIf", b"acTL")  # looked at here, not given to the decoder
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the header's kind of colour
# Adam7, the interlacing of PNG: first row, first column, row step, column step of each pass.
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png_header(data: bytes, max_pixels: int) -> Header:
    """Checks all of a PNG: size, the checksum of each chunk up to the end mark, and how much its pixels inflate to.

    Chunks that say nothing of pixels are not given to the decoder: text and profiles may inflate to anything.
    """
    chunks = _chunks(data, max_pixels)
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"][0])
    if b"IDAT" not in chunks:
        raise damaged("PNG", "without pixels")
    palette = b"".join(chunks.get(b"PLTE", ()))
    if colour == 3 and (len(palette) % 3 or not 0 < len(palette) <= 768):
        raise damaged("PNG", "without a palette")
    if b"acTL" in chunks and struct.unpack(">I", chunks[b"acTL"][0][:4])[0] > 1:
        raise Refusal("an animated PNG", fix="split it into single images")
    _check_inflated(chunks[b"IDAT"], _inflated_size(width, height, depth * CHANNELS.get(colour, 4), interlaced))
    orientation = exif_orientation(bytes(chunks[b"eXIf"][-1])) if b"eXIf" in chunks else 1
    decodable = _written({kind: parts for kind, parts in chunks.items() if kind in FOR_PIXELS})
    return Header(height, width, colour in (0, 4), depth, orientation, palette if colour == 3 else None, decodable)


def _chunks(data: bytes, max_pixels: int) -> dict[bytes, list[memoryview]]:
    """Kind, if it matters → contents, in order; the kinds in the order of their first chunks, IHDR in front."""
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
        if kind in FOR_PIXELS + ASIDE:
            chunks.setdefault(kind, []).append(view[start:end])
        position = end + 4
    return chunks


def _inflated_size(width: int, height: int, bits: int, interlaced: int) -> int:
    """Bytes of the rows of pixels, each with its filter's number in front."""
    size = 0
    for top, left, down, right in ADAM7 if interlaced else ((0, 0, 1, 1),):
        rows, columns = -(-(height - top) // down), -(-(width - left) // right)
        size += rows * (1 + (columns * bits + 7) // 8) if rows > 0 and columns > 0 else 0
    return size


def _check_inflated(parts: list[memoryview], expected: int) -> None:
    """Refuses pixels that inflate to less than the header claims, or to more: a decoder would go on and on."""
    stream, size = zlib.decompressobj(), 0
    try:
        for part in parts:
            while part and size <= expected:
                size += len(stream.decompress(part, 2**20))
                part = stream.unconsumed_tail
    except zlib.error as error:
        raise damaged("PNG", str(error)) from error
    if size != expected:
        raise damaged("PNG", f"its rows inflate to {'more' if size > expected else size} of {expected} bytes")


def _written(chunks: dict[bytes, list[memoryview]]) -> bytes:
    """A PNG of these chunks; those of one kind follow each other."""
    pieces = [SIGNATURE]
    for kind, parts in chunks.items():
        for part in parts:
            checksum = zlib.crc32(part, zlib.crc32(kind))
            pieces += [struct.pack(">I", len(part)), kind, part, struct.pack(">I", checksum)]
    return b"".join(pieces)


def with_index_palette(header: Header) -> bytes:
    """A PNG with a palette → the same with each palette colour replaced by the grey of its index."""
    start = header.decodable.index(header.palette, len(SIGNATURE) + 25)  # behind the header's chunk
    chunk = b"PLTE" + bytes(index for index in range(len(header.palette) // 3) for _ in range(3))
    rest = header.decodable[start + len(header.palette) + 4 :]
    return header.decodable[: start - 4] + chunk + struct.pack(">I", zlib.crc32(chunk)) + rest
