"""Headers of PNG files: the last value that is read, and the first one that is refused."""

import struct
import zlib
from itertools import product

import numpy as np
import pytest
from support.image_files import png_chunk
from support.refusals import refused

from images.formats.png import png_header
from images.reading import decode_image
from system.errors import FileError


def png(colour, rows, *, width=2, height=2, depth=8, interlaced=0, chunks=()):
    """A PNG with these chunks between its header and its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def test_the_limit_of_a_file_without_a_limit_of_its_own():
    def claimed(width):
        header = struct.pack(">IIBBBBB", width, 2**14, 1, 0, 0, 0, 0)
        pixels = png_chunk(b"IDAT", zlib.compress(b""))
        return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")

    with pytest.raises(FileError, match="rows inflate to 0 of"):  # a size that is allowed, of which no pixel is there
        decode_image(claimed(2**14), "x")
    with pytest.raises(FileError, match="16384×16385 pixels"):
        decode_image(claimed(2**14 + 1), "x")


ROWS = bytes(6)  # of 2×2 indices


@pytest.mark.parametrize("colours", [1, 256])
def test_palettes_of_a_png(colours):
    header = png_header(png(3, ROWS, chunks=[(b"PLTE", bytes(3 * colours))]), 4)
    assert header.palette == bytes(3 * colours)


@pytest.mark.parametrize("length", [0, 1, 767, 769, 771])
def test_palettes_that_are_none(length):
    assert "without a palette" in refused(png_header, png(3, ROWS, chunks=[(b"PLTE", bytes(length))]), 4)
    assert "without a palette" in refused(png_header, png(3, ROWS), 4)
    assert "2 palettes" in refused(png_header, png(3, ROWS, chunks=2 * [(b"PLTE", bytes(3))]), 4)


def test_a_file_begins_with_its_header():
    whole = png(0, ROWS)
    assert png_header(whole, 4).height == 2
    other = whole[:8] + png_chunk(b"tEXt", bytes(13)) + whole[8:]
    longer = whole[:8] + png_chunk(b"IHDR", whole[16:29] + b"\0") + whole[33:]
    for data in (other, longer):
        assert "no header" in refused(png_header, data, 4)
    assert "lack the end mark" in refused(png_header, whole[:-12], 4)
    for lost in range(1, 12):
        assert "damaged PNG" in refused(png_header, whole[:-lost], 4)


def test_pictures_of_an_animation():
    for pictures in (0, 1):
        png_header(png(0, ROWS, chunks=[(b"acTL", struct.pack(">II", pictures, 5))]), 4)
    assert refused(png_header, png(0, ROWS, chunks=[(b"acTL", struct.pack(">II", 2, 0))]), 4) == "an animated PNG"
    for length in (7, 9):
        found = refused(png_header, png(0, ROWS, chunks=[(b"acTL", bytes(length))]), 4)
        assert f"a chunk acTL of {length} bytes, 8 are needed" in found


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_channels_of_a_png(colour, channels):
    rows = bytes(2 * (1 + 2 * channels))
    assert png_header(png(colour, rows), 4).grey == (channels < 3)
    found = refused(png_header, png(colour, rows[:-1]), 4)
    assert f"its rows inflate to {len(rows) - 1} of {len(rows)} bytes" in found
    assert f"its rows inflate to more than {len(rows)} bytes" in refused(png_header, png(colour, rows + b"\0"), 4)


# The pass in which each pixel of a block of 8×8 is sent, as the standard of PNG (section 8.2) draws it.
PASSES = np.array(
    [
        [1, 6, 4, 6, 2, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [3, 6, 4, 6, 3, 6, 4, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
        [5, 6, 5, 6, 5, 6, 5, 6],
        [7, 7, 7, 7, 7, 7, 7, 7],
    ]
)


@pytest.mark.parametrize("side", [*product(range(1, 9), range(1, 9)), (9, 13), (16, 17)])
@pytest.mark.parametrize("depth", [1, 8])
def test_an_interlaced_png(side, depth):
    """The pixels are put into the seven passes by hand, and come back where they were."""
    height, width = side
    values = np.random.default_rng(0).integers(0, 2**depth, side).astype(np.uint8)
    tiled = np.tile(PASSES, (3, 3))[:height, :width]
    rows = b""
    for number in range(1, 8):
        for line, of_pass in zip(values, tiled == number, strict=True):
            if of_pass.any():
                sent = line[of_pass]
                rows += b"\0" + (np.packbits(sent) if depth == 1 else sent).tobytes()
    data = png(0, rows, width=width, height=height, depth=depth, interlaced=1)
    assert np.array_equal(decode_image(data, "x")[..., 0], values * (255 // (2**depth - 1)))
    for wrong in (rows[:-1], rows + b"\0"):
        assert "its rows inflate to" in refused(
            png_header, png(0, wrong, width=width, height=height, depth=depth, interlaced=1), 300
        )
