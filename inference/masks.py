"""Logits → hard masks, at network size and at the image's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from images.resize import resize_map
from system.errors import ConfigError

Decision = Callable[[Tensor], Tensor]  # logits [N, K, *space] → bool of the same shape


def to_masks(logits: Tensor, *, threshold: float = 0.5) -> Tensor:
    """Where sigmoid(logits) > threshold: bool of the same shape. The one place that thresholds.

    Args:
        logits: float, any shape.
        threshold: probability in (0, 1).
    """
    return logits > math.log(threshold / (1 - threshold))


def to_classes(logits: Tensor) -> Tensor:
    """The class of the largest logit, one-hot: [N, K, *space] → bool of the same shape. The one place of the argmax."""
    numbers = torch.arange(logits.shape[1], device=logits.device).reshape(-1, *[1] * (logits.ndim - 2))
    return logits.argmax(1, keepdim=True) == numbers


def threshold_of(task: str, given: float | None = None) -> float | None:
    """The threshold that a task's probabilities are compared with: 0.5 unless one is given, None in multiclass.

    Raises:
        ConfigError: one is given for multiclass.
    """
    if task != "multiclass":
        return 0.5 if given is None else given
    if given is not None:
        raise ConfigError("a multiclass run gives each pixel its most probable class; leave the threshold out")
    return None


def decision(threshold: float | None) -> Decision:
    """How logits [N, K, *space] become bool masks of the same shape.

    Args:
        threshold: of every channel's probability; None gives each pixel the class of its largest logit, so that
            exactly one of the K masks is true there.
    """
    return to_classes if threshold is None else partial(to_masks, threshold=threshold)


def masks_at_size(logits: Tensor, size: tuple[int, int], decide: Decision = to_masks) -> Tensor:
    """Brings the logits of a resized image back to `size` = (height, width), then decides.

    Args:
        logits: [K, h, w] float32.
        decide: see `decision`.

    Returns:
        [K, *size] bool on the CPU.
    """
    maps = logits.cpu().numpy()
    return decide(torch.from_numpy(np.stack([resize_map(values, size) for values in maps]))[None])[0]


def masks_of_strips(strips: Iterable[Tensor], shape: tuple[int, int, int], decide: Decision = to_masks) -> np.ndarray:
    """Decides on the logits of an image that come in strips, [K, rows, W] from top to bottom, one strip at a time.

    Args:
        shape: (K, H, W).
        decide: see `decision`.

    Returns:
        [K, H, W] bool.
    """
    masks, top = np.empty(shape, bool), 0
    for strip in strips:
        masks[:, top : top + strip.shape[1]] = decide(strip[None])[0].cpu().numpy()
        top += strip.shape[1]
    assert top == shape[1]
    return masks
