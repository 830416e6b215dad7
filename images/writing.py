"""Arrays → the bytes of PNG and TIFF files, and of JPEG files for pages that people look at."""

from __future__ import annotations

import io
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


def encode_jpeg(picture: np.ndarray, *, quality: int) -> bytes:
    """JPEG bytes of [H, W, 3] uint8 RGB. Colours keep their full resolution, so that thin lines keep their colour."""
    sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1, *sampling]
    done, encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)
    assert done, "OpenCV did not encode a JPEG"
    return encoded.tobytes()


def encode_indexed_png(indices: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """PNG bytes of [H, W] uint8 as indices into at most 256 RGB colours, which any viewer shows.

    Pillow writes it, because OpenCV writes no palettes. Up to 16 colours take 1, 2 or 4 bits per pixel.
    """
    assert indices.max() < len(colours) <= 256, "an index without a colour"
    image = _as_image(indices)
    image.putpalette(bytes(value for colour in colours for value in colour))
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    return encoded.getvalue()


def encode_tiff(planes: np.ndarray) -> bytes:
    """TIFF bytes of [C, H, W] uint8 or float32; each plane is a page. Not for large images."""
    first, *others = [_as_image(plane) for plane in planes]
    encoded = io.BytesIO()
    first.save(encoded, "TIFF", save_all=True, append_images=others)
    return encoded.getvalue()


def _as_image(plane: np.ndarray) -> object:
    from PIL import Image  # only for writing: `images.reading` is the one reader

    return Image.fromarray(plane)
