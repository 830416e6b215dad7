"""Image files for tests, written by Pillow, tifffile, OpenCV or by hand, and the pixels that they hold."""

import io
import struct
import zlib

import cv2
import numpy as np
import tifffile
from PIL import Image

GREY = np.arange(0, 240, 12, dtype=np.uint8).reshape(4, 5)
RGB = np.dstack([GREY, 255 - GREY, GREY // 3])
ALPHA = np.full((4, 5), 7, np.uint8)
DEEP = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3001
DEEP_RGB = np.dstack([DEEP, 65_535 - DEEP, DEEP // 3])
FLOAT = (DEEP / 7 - 1000).astype(np.float32)
BITS = GREY > 100
INDICES = np.arange(20, dtype=np.uint8).reshape(4, 5) % 4
COLOURS = np.array([[0, 0, 0], [200, 10, 30], [5, 250, 60], [255, 255, 255]], np.uint8)


def pil(array, kind="PNG", *, mode=None, **options):
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    buffer = io.BytesIO()
    (image if mode is None else image.convert(mode)).save(buffer, kind, **options)
    return buffer.getvalue()


def tif(array, **options):
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, array, **options)
    return buffer.getvalue()


def by_cv2(array, kind=".png", *options):
    if array.ndim == 3:
        array = array[..., [2, 1, 0, 3][: array.shape[2]]]
    return cv2.imencode(kind, np.ascontiguousarray(array), options)[1].tobytes()


def palette_image(colours=COLOURS):
    image = Image.fromarray(INDICES).convert("P")
    image.putdata(INDICES.ravel().tolist())
    image.putpalette(colours.ravel().tolist())
    return image


PLANAR = {"photometric": "rgb", "planarconfig": "separate"}
PAGES = {"photometric": "minisblack"}
FIRST = np.moveaxis(DEEP_RGB, -1, 0)
CMAP = np.zeros((3, 256), np.uint16)
CMAP[:, :4] = COLOURS.T.astype(np.uint16) * 257


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_by_hand(height, width, *, depth=8, rows=b"", extra=b""):
    """A grey PNG whose header claims what it is told; `rows` are the bytes before compression."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + extra + pixels + png_chunk(b"IEND", b"")
