"""Resizing that keeps images and masks aligned by pixel centres. cv2.INTER_NEAREST shifts masks and is never used.

All functions take `size` as (height, width) in pixels. An array that has this size already keeps its values.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

OPENCV_CHANNELS = 4  # OpenCV averages areas of no more


def _resize(array: np.ndarray, size: tuple[int, int], interpolation: int | None = None) -> np.ndarray:
    height, width = size
    if array.shape[:2] == (height, width):
        return array
    if interpolation is None:
        shrinks = height * width < array.shape[0] * array.shape[1]
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(array, (width, height), interpolation=interpolation)


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, C] or [H, W], also logits → the same at `size`; by pixel area when shrinking, bilinear when growing."""
    if image.ndim == 3 and image.shape[2] > OPENCV_CHANNELS:
        return np.stack([_resize(plane, size) for plane in np.moveaxis(image, 2, 0)], axis=2)
    resized = _resize(image, size)
    return resized if resized.ndim == image.ndim else resized[..., None]  # OpenCV drops the axis of a single channel


def resize_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Logits [C, h, w] float32 of a resized image → [C, *size] float32 on the CPU; each channel as `resize_image`."""
    return torch.from_numpy(np.stack([resize_image(values, size) for values in logits.cpu().numpy()]))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W] {0, 1} uint8 or bool → [*size] uint8 {0, 1}: 1 where at least half of the pixel's area is foreground."""
    return (_resize(mask.astype(np.float32), size) >= 0.5).astype(np.uint8)


def resize_labels(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W] instance ids → [*size] of the same dtype, nearest neighbour by pixel centres."""
    return _resize(labels, size, cv2.INTER_NEAREST_EXACT)
