"""Turns the logits of whole images into hard masks at the image's own size."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor

from images.resize import resize_image

Decision = Callable[[Tensor], Tensor]  # logits [N, K, *space] → bool of the same shape, such as `Task.decide`


def masks_at_size(logits: Tensor, size: tuple[int, int], decide: Decision) -> Tensor:
    """Resizes the logits of a resized image to `size` = (height, width), then makes masks of them with `decide`.

    Args:
        logits: [K, h, w] float32.

    Returns:
        [K, *size] bool on the CPU.
    """
    maps = logits.cpu().numpy()
    return decide(torch.from_numpy(np.stack([resize_image(values, size) for values in maps]))[None])[0]


def masks_of_strips(strips: Iterable[Tensor], shape: tuple[int, int, int], decide: Decision) -> np.ndarray:
    """Makes the masks of an image whose logits come in strips, and handles one strip at a time.

    Args:
        strips: [K, rows, W] each, from top to bottom.
        shape: (K, H, W) of the image.

    Returns:
        [K, H, W] bool.
    """
    masks, top = np.empty(shape, bool), 0
    for strip in strips:
        masks[:, top : top + strip.shape[1]] = decide(strip[None])[0].cpu().numpy()
        top += strip.shape[1]
    assert top == shape[1]
    return masks
