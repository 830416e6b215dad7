"""Headers of TIFF files: the last value that is read, and the first one that is refused."""

import io
import struct

import numpy as np
import pytest
from support.hostile_tiffs import directories, pages_that_share, strip_of
from support.image_files import GREY, RGB, pil, tif
from support.refusals import refused

from images.formats.headers import Refusal
from images.formats.jpeg import jpeg_frame
from images.formats.tiff import check_header, clear_errors
from images.formats.tiff_volume import TiffVolume


def check(data, *, max_pixels=2**20, max_segments=2**16):
    return check_header(data, max_pixels=max_pixels, max_segments=max_segments)


def opened(data):
    return TiffVolume(io.BytesIO(data), data, max_pixels=2**20)


def test_the_number_of_pages():
    assert len(check(directories(4096))) == 4096
    assert refused(check, directories(4097)) == "a stack of more than 4096 pages"


def test_the_number_of_tags_of_all_pages():
    """A page has nine tags besides those that are added."""
    assert len(check(pages_that_share(64, tags=1024 - 9))) == 64  # 65,536 tags
    assert refused(check, pages_that_share(64, tags=1025 - 9)) == "more than 65536 tags in 64 pages"


def test_the_number_of_shared_values():
    """Pages may have four values for each byte of the file, and 2**20 more. A page has nine values besides the text."""
    for text in (11_437, 11_438, 11_439, 11_440):
        data = pages_that_share(100, text=text)
        values = 100 * (9 + text)
        if values > 4 * len(data) + 2**20:
            assert refused(check, data) == f"tags of {values} values in a file of {len(data)} bytes"
            break
        assert len(check(data)) == 100
    else:
        pytest.fail("no text was too long")
    assert text > 11_437
    assert len(check(pages_that_share(1, text=2_000_000))) == 1  # of one page, the values are there


def test_values_that_two_pages_share():
    """Each page has twenty texts, which are all the same bytes."""
    for length, whole in ((26_000, True), (30_000, False)):
        out = bytearray(b"II*\0" + struct.pack("<I", 8 + length)) + b"x" * length
        for page in range(2):
            entries = [(256, 4, 1, 1), (257, 4, 1, 1)] + [(40_000 + n, 2, length, 8) for n in range(20)]
            out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
            out += struct.pack("<I", 0 if page else len(out) + 4)
        values = 2 * (2 + 20 * length)
        assert (values <= 4 * len(out) + 2**20) == whole
        if whole:
            assert len(check(bytes(out))) == 2
        else:
            assert refused(check, bytes(out)) == f"tags of {values} values in a file of {len(out)} bytes"


def test_the_number_of_strips():
    assert len(check(directories(1, strips=7), max_segments=7)) == 1
    assert refused(check, directories(1, strips=8), max_segments=7) == "8 strips or tiles, at most 7 are read"
    assert refused(opened, directories(1, strips=2**16 + 1)) == "65537 strips or tiles, at most 65536 are read"
    tiles = tif(np.zeros((64, 32), np.uint8), tile=(16, 16))
    assert len(check(tiles, max_segments=8)) == 1
    assert refused(check, tiles, max_segments=7) == "8 strips or tiles, at most 7 are read"


def test_the_number_of_strips_of_all_pages():
    """The zeros make room for the values of the tags, which have a limit of their own."""
    assert len(check(pages_that_share(16, strips=2**16) + bytes(2**18))) == 16  # 2**20 strips
    found = refused(check, pages_that_share(17, strips=2**16) + bytes(2**18))
    assert found == f"more than {2**20} strips or tiles in all pages"
    many = pages_that_share(1, strips=2**20 + 2)
    assert len(check(many, max_pixels=2**21, max_segments=2**20 + 2)) == 1


def test_sizes_are_checked_on_every_page():
    assert len(check(tif(GREY), max_pixels=20)) == 1
    assert refused(check, tif(GREY), max_pixels=19) == "4×5 pixels (H×W)"
    larger = tif(np.stack([GREY, GREY]), metadata=None, photometric="minisblack")
    place = larger.rindex(struct.pack("<HHII", 257, 4, 1, 4)) + 8
    larger = larger[:place] + struct.pack("<I", 5) + larger[place + 4 :]
    assert len(check(larger, max_pixels=25)) == 2
    assert refused(check, larger, max_pixels=24) == "5×5 pixels (H×W)"
    for tag in (256, 257):
        data = tif(GREY).replace(struct.pack("<HHI", tag, 4, 1), struct.pack("<HHI", 60_000, 4, 1), 1)
        assert "no header" in refused(check, data)
        zero = bytearray(tif(GREY))
        place = zero.index(struct.pack("<HHI", tag, 4, 1)) + 8
        zero[place : place + 4] = bytes(4)
        assert "without pixels" in refused(check, bytes(zero))
    assert "without pages" in refused(check, b"II*\0" + bytes(20))


def test_the_last_byte_of_a_tag():
    """The values of the last tag end where the file ends."""
    data = b"II*\0" + struct.pack("<IH", 8, 3)
    for tag, count, value in ((256, 1, 4), (257, 1, 4), (258, 3, 50)):
        data += struct.pack("<HHII", tag, 4, count, value)
    data += bytes(4) + struct.pack("<3I", 8, 8, 8)
    assert len(data) == 50 + 12
    assert len(check(data)) == 1
    assert "a tag reaches to byte 62 of 61" in refused(check, data[:-1])


def one_strip(*, offset=None, count=None, pixels=1):
    """A TIFF of one pixel whose only strip is where, and as long as, it is told; its pixels end the file."""
    data = directories(1) + bytes([77] * pixels)
    place = len(data) - pixels if offset is None else offset
    data = data.replace(struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, 1, place))
    if count is not None:
        data = data.replace(struct.pack("<HHII", 279, 4, 1, 1), struct.pack("<HHII", 279, 4, 1, count))
    return data


def test_where_a_strip_may_lie():
    assert opened(one_strip()).read({}).tolist() == [[[77]]]
    assert opened(one_strip(count=3, pixels=3)).read({}).tolist() == [[[77]]]
    size = len(one_strip())
    assert opened(one_strip(offset=8)).read({}).shape == (1, 1, 1)
    for options, place, end in (
        ({"offset": 7}, 7, 8),
        ({"offset": size}, size, size + 1),
        ({"count": 2}, size - 1, size + 1),
    ):
        assert f"pixels at bytes {place} to {end} of {size}" in refused(opened, one_strip(**options))


def test_the_bytes_of_uncompressed_pixels():
    for image in (GREY, RGB, GREY > 100, GREY.astype(np.uint16)):
        data = tif(image)
        expected = len(image) * {(): 5, (3,): 15}[image.shape[2:]] * image.dtype.itemsize
        expected = 4 if image.dtype == bool else expected  # each row of 5 bits begins with a byte of its own
        place = max(data.find(struct.pack("<HHII", 279, kind, 1, expected)) for kind in (3, 4)) + 8
        assert place > 8, image.dtype
        assert opened(data)
        shorter = data[:place] + struct.pack("<I", expected - 1) + data[place + 4 :]
        assert f"{expected - 1} of {expected} bytes of pixels" in refused(opened, shorter)


def jpeg_of(height, width):
    return pil(np.full((height, width), 90, np.uint8), "JPEG")


@pytest.mark.parametrize(("side", "whole"), [((32, 40), True), ((33, 24), False), ((16, 41), False)])
def test_a_jpeg_inside_is_at_most_a_block_larger(side, whole):
    """The strip has 16×24 pixels, and a block of JPEG has 16 more at most."""
    strip = jpeg_of(*side)
    assert (jpeg_frame(strip).height, jpeg_frame(strip).width) == side
    data = strip_of(strip, 7, shape=(16, 24))
    if whole:
        assert opened(data).size == (16, 24)
    else:
        assert f"a JPEG of {side[0]}×{side[1]} in place of 16×24" in refused(opened, data)


# CCITT in three kinds, LZW, JPEG in two, deflate by two numbers, PackBits, LZMA and Zstandard, and none.
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34925, 50000])
def test_compressions_that_are_read(number):
    assert opened(strip_of(bytes(16 * 16), number)).size == (16, 16)


@pytest.mark.parametrize("number", [9, 32771, 32809, 33003, 34712, 34892, 34933, 50001, 50002, 65000])
def test_compressions_that_are_not_read(number):
    assert refused(opened, strip_of(bytes(16 * 16), number)).startswith("a TIFF compressed as ")


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (ValueError("an odd tag"), "a cut-off or damaged TIFF (an odd tag)"),
        (ValueError(), "a cut-off or damaged TIFF (ValueError)"),
        (ValueError("requires the 'imagecodecs' package"), "a way that only the package imagecodecs can read"),
        (Refusal("a stack", fix="split it"), "a stack"),
    ],
)
def test_what_a_decoder_raises_becomes_a_refusal(error, found):
    def raises():
        with clear_errors():
            raise error

    assert refused(raises).endswith(found)
