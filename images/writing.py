"""Arrays → the bytes of PNG files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import cv2
import numpy as np


def encode_png(array: np.ndarray) -> bytes:
    """PNG bytes of [H, W] uint8 or uint16, or [H, W, 3] uint8 RGB."""
    if array.ndim == 3:
        array = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
    done, encoded = cv2.imencode(".png", array, [cv2.IMWRITE_PNG_COMPRESSION, 2])
    assert done, "OpenCV did not encode a PNG"
    return encoded.tobytes()


def encode_indexed_png(indices: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """PNG bytes of [H, W] uint8 as indices into RGB colours, at most 256: any viewer shows the colours.

    Written here, since OpenCV knows no palettes (PNG specification, 3rd edition: colour type 3, filter 0).
    """
    height, width = indices.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each begins with the number of its filter
    rows[:, 1:] = indices
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0),
        b"PLTE": bytes(value for colour in colours for value in colour),
        b"IDAT": zlib.compress(rows.tobytes(), 6),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
