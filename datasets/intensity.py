"""Pixels of any type → uint8, and between grey and colour."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

PERCENTILES = (0.1, 99.9)  # robust against a few hot or dead pixels


def to_uint8(image: np.ndarray, limits: tuple[float, float] | None = None, *, stretch: bool = False) -> np.ndarray:
    """[H, W, C] of any dtype → [H, W, C] uint8.

    uint8 passes through unless `stretch`; all else is scaled so that `limits`, or the image's robust percentiles over
    all channels together, become 0 and 255. A constant image becomes 0.
    """
    if image.dtype == np.uint8 and not stretch:
        return image
    low, high = limits if limits is not None else np.percentile(image, PERCENTILES)
    if high <= low:
        return np.zeros(image.shape, np.uint8)
    scaled = (image.astype(np.float32) - low) * (255 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def measure_limits(images: Iterable[np.ndarray]) -> tuple[float, float]:
    """Robust percentiles over a sample of the pixels of all images."""
    return tuple(float(v) for v in np.percentile(np.concatenate([i.ravel()[::97] for i in images]), PERCENTILES))


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 1 or 3] uint8 → [H, W, channels]: grey is repeated, colour becomes its luminance."""
    if image.shape[2] == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=2)
    return np.rint(image @ np.array([0.299, 0.587, 0.114]))[..., None].astype(np.uint8)
