"""TIFF files that claim much and hold little."""

import io
import struct
import zlib

import numpy as np
import tifffile
from support.image_files import tif


def directories(count, *, strips=1):
    """A TIFF of `count` pages of [strips, 1] pixels; all strips are the same byte."""
    out = bytearray(b"II*\0" + struct.pack("<I", 8 + 4 * strips)) + struct.pack("<I", 8) * strips
    for page in range(count):
        entries = [(256, 1, 1), (257, 1, strips), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, strips, 8)]
        entries += [(277, 1, 1), (278, 1, 1), (279, strips, 8 if strips > 1 else 1)]
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, *rest) for tag, *rest in entries)
        out += struct.pack("<I", len(out) + 4 if page < count - 1 else 0)
    return bytes(out)


def pages_that_share(count, *, strips=1, text=1, tags=0):
    """A TIFF of `count` pages of [strips, 1] pixels, whose lists of strips and whose text are all the same bytes."""
    shared = struct.pack("<I", 8) * strips + b"x" * text
    out = bytearray(b"II*\0" + struct.pack("<I", 8 + len(shared))) + shared
    for page in range(count):
        entries = [(256, 4, 1, 1), (257, 4, 1, strips), (258, 4, 1, 8), (259, 4, 1, 1), (262, 4, 1, 1)]
        entries += [(273, 4, strips, 8), (277, 4, 1, 1), (278, 4, 1, 1), (279, 4, strips, 8 if strips > 1 else 1)]
        entries += [(305, 2, text, 8 + 4 * strips)] * (text > 1) + [(60_000 + n, 4, 1, 0) for n in range(tags)]
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        out += struct.pack("<I", len(out) + 4 if page < count - 1 else 0)
    return bytes(out)


def stack_of_zeros(planes, *, side):
    """A stack of planes of side×side that fits into a few kilobytes: all pages have the same strip."""
    strip = zlib.compress(bytes(side), 9)
    out = bytearray(b"II*\0" + struct.pack("<I", 8 + len(strip))) + strip
    for page in range(planes):
        entries = [(256, side), (257, side), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1), (278, side)]
        entries.append((279, len(strip)))
        out += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, 1, v) for tag, v in entries)
        out += struct.pack("<I", len(out) + 4 if page < planes - 1 else 0)
    return bytes(out)


def strip_of(blob, compression, *, shape=(16, 16)):
    """A TIFF of 16×16, or of another shape, whose only strip is `blob`."""
    data = bytearray(tif(np.zeros(shape, np.uint8), compression="deflate"))
    tags = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags
    for tag, value in ((273, len(data)), (279, len(blob)), (259, compression)):
        struct.pack_into("<I" if int(tags[tag].dtype) == 4 else "<H", data, tags[tag].valueoffset, value)
    return bytes(data) + blob


def ome(old="", new="", **options):
    """An OME-TIFF of one plane of 16×16 whose description has `new` in place of `old`."""
    start = '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
    sizes = 'DimensionOrder="XYCZT" Type="uint8" SizeX="16" SizeY="16" SizeC="1" SizeZ="1" SizeT="1">'
    text = start + sizes + '<TiffData IFD="0" PlaneCount="1"/></Pixels></Image></OME>'
    assert old in text
    return tif(np.zeros((16, 16), np.uint8), description=text.replace(old, new, 1), metadata=None, **options)
