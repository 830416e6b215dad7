"""Sizes, directories of tags and headers of BMP files: the last value that is read, and the first that is refused."""

import struct

import numpy as np
import pytest
from support.refusals import refused

from images.formats.headers import MAX_TAGS, bmp_header, check_palette, check_size, directories, exif_orientation


def test_sizes():
    for sizes in ((1, 1, 1), (3, 4, 12)):
        check_size(*sizes)
    assert "without pixels" in refused(check_size, 0, 5, 10)
    assert "without pixels" in refused(check_size, 5, 0, 10)
    assert refused(check_size, 3, 4, 11) == "3×4 pixels (H×W)"


def directory(entries, *, order="<", big=False, tail=b""):
    """A TIFF of one directory; an entry is (tag, type, count, bytes of its field)."""
    start = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "H", 43 if big else 42)
    start += struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)
    amount, entry, pointer = ("Q", "HHQ", "Q") if big else ("H", "HHI", "I")
    body = b"".join(struct.pack(order + entry, *numbers) + field for *numbers, field in entries)
    return start + struct.pack(order + amount, len(entries)) + body + struct.pack(order + pointer, 0) + tail


def test_the_number_of_tags_of_a_directory():
    entries = [(number, 1, 1, bytes(4)) for number in range(1, 4098)]
    (tags,) = directories(directory(entries[:4096]))
    assert len(tags) == MAX_TAGS == 4096
    found = refused(list, directories(directory(entries)))
    assert found == "a TIFF directory of 4097 tags, at most 4096 are read"


# The number of each type → bytes of one value, as TIFF 6.0, its supplement 1 (13) and BigTIFF (16 to 18) give them.
BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_where_the_values_of_a_tag_end(kind, big, order):
    """Values that fit into the field of their tag lie there, and others lie where the field points to."""
    field, header = (8, 16) if big else (4, 8)
    first_field = header + (8 + 12 if big else 2 + 8)
    for count in (1, field // BYTES[kind], field // BYTES[kind] + 1, 5):
        place = first_field if count * BYTES[kind] <= field else 200
        content = struct.pack(order + ("Q" if big else "I"), place) if place == 200 else bytes(field)
        (tags,) = directories(directory([(999, kind, count, content)], order=order, big=big))
        assert tags[999] == (0, count, place + count * BYTES[kind])


@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "I")])
@pytest.mark.parametrize("order", "<>")
def test_the_first_value_of_a_tag(kind, code, order):
    field = struct.pack(order + code, 200).ljust(4, b"\0")
    (tags,) = directories(directory([(999, kind, 1, field)], order=order))
    assert tags[999].value == 200
    pointed = struct.pack(order + "I", 26)  # behind the directory: 8 + 2 + 12 + 4
    values = struct.pack(order + 5 * code, 7, 1, 1, 1, 1)
    data = directory([(999, kind, 5, pointed)], order=order, tail=values)
    assert next(directories(data))[999] == (7, 5, len(data))
    assert next(directories(data[:-1]))[999] == (0, 5, len(data))  # its last byte is missing


def test_orientation_of_a_block():
    for order in "<>":
        block = directory([(274, 3, 1, struct.pack(order + "HH", 6, 0))], order=order)
        assert exif_orientation(block) == 6
    assert exif_orientation(directory([(273, 3, 1, bytes(4))])) == 1


def test_indices_beyond_a_palette():
    colours = np.array([[0, 0, 0], [9, 1, 1], [2, 2, 9]], np.uint8)
    check_palette(np.array([[[0], [2]]]), colours)
    assert refused(check_palette, np.array([[[0], [3]]]), colours).endswith("(index 3 among 3 colours)")
    greys = np.array([[0, 0, 0], [1, 1, 1], [9, 9, 9]], np.uint8)
    check_palette(np.array([[[0], [1]]]), greys)  # as indices and as greys, they are the same ids
    found = refused(check_palette, np.array([[[0], [2]]]), greys)
    assert found.startswith("label ids as palette indices (up to 2) or as their grey values (up to 9)")


def bmp(width, height, bits, *, compression=0, size=40, start=None, pixels=None):
    """A BMP of zeros; each row takes as many groups of 32 bits as it needs."""
    kind, numbers = ("<HHHH", ()) if size == 12 else ("<iiHHI", (compression,))
    header = struct.pack("<I", size) + struct.pack(kind, width, height, 1, bits, *numbers)
    header = header.ljust(size, b"\0")[:size]
    start = 14 + size if start is None else start
    rows = bytes(abs(height) * -(-width * bits // 32) * 4 if pixels is None else pixels)
    return b"BM" + struct.pack("<IHHI", 14 + size + len(rows), 0, 0, start) + header + rows


@pytest.mark.parametrize(("width", "bits", "row"), [(31, 1, 4), (32, 1, 4), (33, 1, 8), (1, 24, 4), (5, 24, 16)])
@pytest.mark.parametrize("height", [1, 3, -3])
@pytest.mark.parametrize("size", [12, 40, 108])
def test_the_last_byte_of_a_bmp(width, bits, row, height, size):
    if size == 12 and height < 0:
        height = 2  # such a header has no sign
    data = bmp(width, height, bits, size=size)
    assert len(data) == 14 + size + abs(height) * row
    header = bmp_header(data, 1000)
    assert (header.height, header.width, header.depth, header.decodable) == (abs(height), width, bits, data)
    assert f"(1 bytes are missing after its {len(data) - 1})" in refused(bmp_header, data[:-1], 1000)


def test_kinds_of_bmp():
    for bits in (1, 4, 8, 16, 24, 32):
        for compression in (0, 3, 6):
            assert bmp_header(bmp(4, 4, bits, compression=compression), 16).depth == bits
    for bits, compression in ((2, 0), (12, 0), (64, 0), (8, 1), (4, 2), (24, 4), (24, 5), (24, 7)):
        assert f"({bits} bits, compression {compression})" in refused(
            bmp_header, bmp(4, 4, bits, compression=compression), 16
        )
    for size in (13, 16, 39):
        assert f"header of {size} bytes" in refused(bmp_header, bmp(4, 4, 8, size=size), 16)
    assert "no header" in refused(bmp_header, bmp(4, 4, 8, size=11, pixels=0).ljust(26, b"\0"), 16)
    whole = bmp(1, 1, 1, size=12, pixels=0)
    assert len(whole) == 26
    assert "4 bytes are missing" in refused(bmp_header, whole, 16)
    assert "no header in its 25 bytes" in refused(bmp_header, whole[:-1], 16)
    assert "no header in its 53 bytes" in refused(bmp_header, bmp(1, 1, 1, pixels=0)[:-1], 16)
