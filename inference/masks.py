"""Logits → hard masks, at network size and at the image's own."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from datasets.resize import resize_map


def to_masks(logits: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Where sigmoid(logits) > threshold: bool of the same shape. The one place that thresholds.

    Args:
        logits: float, any shape.
        threshold: probability in (0, 1).
    """
    return logits > math.log(threshold / (1 - threshold))


def masks_at_size(logits: Tensor, size: tuple[int, int], *, threshold: float = 0.5) -> Tensor:
    """Brings the logits of a resized image back to `size` = (height, width), then thresholds them.

    Args:
        logits: [K, h, w] float32.

    Returns:
        [K, *size] bool on the CPU.
    """
    maps = logits.cpu().numpy()
    return to_masks(torch.from_numpy(np.stack([resize_map(values, size) for values in maps])), threshold=threshold)


def masks_of_strips(strips: Iterable[Tensor], shape: tuple[int, int, int], *, threshold: float = 0.5) -> np.ndarray:
    """Thresholds the logits of an image that come in strips, [K, rows, W] from top to bottom, one strip at a time.

    Args:
        shape: (K, H, W).

    Returns:
        [K, H, W] bool.
    """
    masks, top = np.empty(shape, bool), 0
    for strip in strips:
        masks[:, top : top + strip.shape[1]] = to_masks(strip, threshold=threshold).cpu().numpy()
        top += strip.shape[1]
    assert top == shape[1]
    return masks
