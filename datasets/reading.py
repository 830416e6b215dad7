"""Files → arrays. The only place of the project that opens pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engine.errors import DataError

cv2.utils.logging.setLogLevel(
    cv2.utils.logging.LOG_LEVEL_SILENT
)  # OpenCV's own lines name no file; the errors raised here do

MAX_PIXELS = 2**28
EXTENSIONS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")


def decode(data: bytes, name: str) -> np.ndarray:
    """Encoded image file → array as stored: [H, W] or [H, W, C], channels in RGB order.

    Raises:
        DataError: the bytes are no complete image; the message names `name`.
    """
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if array is None:
        raise DataError(f"{name}: not a readable image ({len(data)} bytes); replace it or remove it with its masks")
    if array.ndim == 3 and array.shape[2] >= 3:
        array = cv2.cvtColor(array, cv2.COLOR_BGR2RGB if array.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    return array


def decode_image(data: bytes, name: str, max_pixels: int = 0) -> np.ndarray:
    """Encoded image file → [H, W, 3] uint8 RGB; grey is repeated, alpha is dropped.

    Raises:
        DataError: unreadable, or not 8 bits per channel.
    """
    array = decode(data, name)
    if array.ndim == 2:
        array = array[..., None]
    if array.shape[2] in (1, 2):
        array = np.repeat(array[..., :1], 3, axis=2)
    return np.ascontiguousarray(array[..., :3])


def decode_mask(data: bytes, name: str) -> np.ndarray:
    """Encoded mask file, grey or with equal colour channels, of two values 0 and 1 or 0 and 255 → [H, W] uint8 {0, 1}.

    Raises:
        DataError: unreadable, coloured, or with values between (a soft or JPEG-compressed mask).
    """
    array = decode(data, name)
    if array.ndim == 3:
        colours = array[..., :1] if array.shape[2] <= 2 else array[..., :3]
        if (colours != colours[..., :1]).any():
            raise DataError(f"{name}: a coloured image where a mask of 0 and 255 (or 0 and 1) is expected")
        array = colours[..., 0]
    foreground = array > 0
    if array.max() not in (0, 1, 255) or (array[foreground] != array.max()).any():
        found = np.unique(array)
        shown = ", ".join(str(value) for value in found[:6]) + (", …" if len(found) > 6 else "")
        raise DataError(f"{name}: mask values {shown}; allowed are 0 and 255, or 0 and 1: threshold it first")
    return foreground.view(np.uint8)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def read_image(path: Path, max_pixels: int = 0) -> np.ndarray:
    """`decode_image` of a file."""
    return decode_image(_bytes_of(path), str(path))


def read_mask(path: Path, threshold: float | None = None, max_pixels: int = 0) -> np.ndarray:
    """`decode_mask` of a file."""
    return decode_mask(_bytes_of(path), str(path))
