"""Headers of JPEG files, written by hand: the last value that is read, and the first one that is refused."""

import struct

import pytest
from support.refusals import refused

from images.formats.jpeg import jpeg_frame, jpeg_header

BASELINE, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2


def segment(marker, content=b""):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame(height=8, width=8, *, marker=BASELINE, bits=8, sampling=(0x11,)):
    """A frame header; `sampling` has the two factors of each channel, as two digits."""
    channels = b"".join(struct.pack("BBB", number, factors, 0) for number, factors in enumerate(sampling, start=1))
    return segment(marker, struct.pack(">BHHB", bits, height, width, len(sampling)) + channels)


def scan(channels=(1,), first=0, last=63, low=0):
    """A scan of these coefficients of these channels. Its pixels hold what looks like markers, but is none."""
    content = bytes([len(channels), *(byte for channel in channels for byte in (channel, 0)), first, last, low])
    return segment(0xDA, content) + b"\x12\xff\x00\x34\xff\xd0\x56\xff\xd7"


def jpeg(*parts):
    return b"\xff\xd8" + b"".join(parts) + b"\xff\xd9"


def test_the_number_of_segments():
    """The frame, the scan and the end mark are three of them."""
    many = [segment(0xE3)] * (10_000 - 3)
    assert jpeg_header(jpeg(*many, frame(), scan()), 64).width == 8
    found = refused(jpeg_header, jpeg(segment(0xE3), *many, frame(), scan()), 64)
    assert found == "a JPEG of more than 10000 segments"


def test_the_number_of_scans():
    header = jpeg_header(jpeg(frame(), *[scan()] * 100), 64)
    assert (header.height, header.depth, header.palette) == (8, 8, None)
    assert refused(jpeg_header, jpeg(frame(), *[scan()] * 101), 64) == "a JPEG of 101 scans, at most 100 are read"


def test_the_pixels_that_fit_into_the_bytes():
    """512 for each byte, because a block of 8×8 takes at least one bit."""
    size = len(jpeg(frame(), scan()))
    assert jpeg_header(jpeg(frame(512, size), scan()), 2**20).width == size
    found = refused(jpeg_header, jpeg(frame(512, size + 1), scan()), 2**20)
    assert f"{size} bytes cannot hold 512×{size + 1} pixels" in found


def test_the_pixels_that_are_allowed():
    assert jpeg_header(jpeg(frame(3, 5), scan()), 15).height == 3
    assert refused(jpeg_header, jpeg(frame(3, 5), scan()), 14) == "3×5 pixels (H×W)"


def test_kinds_of_frames():
    for marker in (BASELINE, EXTENDED, PROGRESSIVE):
        assert jpeg_header(jpeg(frame(marker=marker), scan()), 64).grey
    three = jpeg(frame(sampling=(0x22, 0x11, 0x11)), scan((1, 2, 3)))
    assert not jpeg_header(three, 64).grey
    for marker in (0xC3, 0xC5, 0xCF):
        found = refused(jpeg_header, jpeg(frame(marker=marker), scan()), 64)
        assert found == f"a JPEG of a rare kind (8 bits, 1 channels, frame {marker:#x})"
    assert "(12 bits, 1 channels" in refused(jpeg_header, jpeg(frame(bits=12), scan()), 64)
    assert "(8 bits, 2 channels" in refused(jpeg_header, jpeg(frame(sampling=(0x11,) * 2), scan((1, 2))), 64)
    assert "CMYK" in refused(jpeg_header, jpeg(frame(sampling=(0x11,) * 4), scan((1, 2, 3, 4))), 64)
    for marker in (0xC4, 0xC8, 0xCC):  # tables of codes, and reserved
        assert "without pixels" in refused(jpeg_header, jpeg(frame(marker=marker), scan()), 64)
    for marker in (0xBF, 0xD0, 0xE0):
        assert jpeg_frame(jpeg(segment(marker, bytes(9)), scan())) is None


def test_files_without_a_part():
    assert "without pixels" in refused(jpeg_header, jpeg(frame()), 64)
    assert "without pixels" in refused(jpeg_header, jpeg(scan()), 64)
    for lost in range(1, len(frame()) - 4):
        assert "no header" in refused(jpeg_header, jpeg(segment(BASELINE, frame()[4:-lost]), scan()), 64)


@pytest.mark.parametrize("lost", [1, 2, 3, 4, 5])
def test_a_scan_without_all_of_its_header(lost):
    whole = scan()[4:10]
    assert jpeg_header(jpeg(frame(), segment(0xDA, whole)), 64)
    assert "a scan without header" in refused(jpeg_header, jpeg(frame(), segment(0xDA, whole[:-lost])), 64)
    assert "a scan without header" in refused(jpeg_header, jpeg(frame(), segment(0xDA)), 64)
    assert "a scan without header" in refused(jpeg_header, jpeg(frame(), segment(0xDA, bytes(9))), 64)


def test_the_scans_of_a_progressive_file():
    """Every coefficient of every channel must come with its last bit, in some scan."""
    parts = [scan(last=0), scan(first=1, last=5), scan(first=6, low=1), scan(first=6, low=0x10)]
    start = frame(marker=PROGRESSIVE)
    assert jpeg_header(jpeg(start, *parts), 64).decodable == jpeg(start, *parts)
    for number in (0, 1, 3):
        fewer = parts[:number] + parts[number + 1 :]
        assert "scans are missing" in refused(jpeg_header, jpeg(start, *fewer), 64)
    colour = frame(marker=PROGRESSIVE, sampling=(0x11,) * 3)
    assert jpeg_header(jpeg(colour, scan((1, 2)), scan((3,))), 64)
    assert "scans are missing" in refused(jpeg_header, jpeg(colour, scan((1, 2))), 64)
    assert "scans are missing" in refused(jpeg_header, jpeg(colour, scan((1, 2)), scan((3,), last=62)), 64)
    assert jpeg_header(jpeg(frame(), scan(last=200)), 64)  # libjpeg takes all 64 of them for the last
    assert "scans are missing" in refused(jpeg_header, jpeg(start, scan((1, 4))), 64)  # there is no channel 4


def test_what_the_decoder_gets():
    """A single scan goes without the end mark and with eight zeros, so that missing rows are not filled with grey."""
    whole = jpeg(frame(), scan())
    assert jpeg_header(whole, 64).decodable == whole[:-2] + bytes(8)
    several = jpeg(frame(), scan(), scan())
    assert jpeg_header(several, 64).decodable == several


@pytest.mark.parametrize("sampling", [(0x11, 0x41, 0x11), (0x14, 0x11, 0x11), (0x22, 0x11, 0x41), (0x11, 0x11, 0x14)])
def test_the_largest_sampling(sampling):
    assert jpeg_frame(jpeg(frame(sampling=sampling), scan())).sampling == 4
    assert jpeg_frame(jpeg(frame(sampling=(0x11, 0x21, 0x11)), scan())).sampling == 2


def test_cuts():
    """A file that ends inside of a segment, behind a scan, or where a marker should be."""
    whole = jpeg(segment(0xE3, bytes(5)), frame(), scan())
    for end in range(2, len(whole)):
        assert "damaged JPEG" in refused(jpeg_header, whole[:end], 64)
    place = len(b"\xff\xd8" + segment(0xE3, bytes(5)))
    assert f"no marker at byte {place} of" in refused(jpeg_header, whole[:place] + b"\0" + whole[place:], 64)
    filled = whole[:place] + b"\xff\xff" + whole[place:]  # any number of them may stand before a marker
    assert jpeg_header(filled, 64).width == 8


def test_the_orientation_of_a_jpeg():
    block = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    assert jpeg_header(jpeg(segment(0xE1, block), frame(), scan()), 64).orientation == 6
    for marker, content in ((0xE2, block), (0xE1, b"http\0\0" + block[6:])):
        assert jpeg_header(jpeg(segment(marker, content), frame(), scan()), 64).orientation == 1
