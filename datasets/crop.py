"""Random windows at native scale."""

from __future__ import annotations

import cv2
import numpy as np


def random_crop(
    image: np.ndarray, masks: np.ndarray, size: tuple[int, int], *, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the same window of an image and its masks, every position equally likely.

    Args:
        image: [H, W, C] uint8; where it is smaller than the window, both are mirrored at their edges.
        masks: [H, W, K] uint8, a target of any task: {0, 1}, class indices or distances 0 to 254, and 255 for void.
        size: (height, width) of the window in pixels.
        seed: decides where the window lies.

    Returns:
        [*size, C] and [*size, K].
    """
    image, masks = at_least(image, size), at_least(masks, size)
    top, left = random_corner(image.shape[:2], size, seed=seed)
    window = np.s_[top : top + size[0], left : left + size[1]]
    return image[window], masks[window]


def random_corner(shape: tuple[int, int], size: tuple[int, int], *, seed: int) -> tuple[int, int]:
    """Returns (top, left) of a window of `size` in an image of `shape`, both (height, width), each equally likely."""
    rng = np.random.default_rng(seed)
    top, left = (int(rng.integers(0, have - want + 1)) for have, want in zip(shape, size, strict=True))
    return top, left


def magnified_window(size: tuple[int, int], scale: tuple[float, float], *, seed: int) -> tuple[int, int]:
    """(height, width) of the window that fills `size` after a random magnification.

    Args:
        size: (height, width) of what the network sees.
        scale: (lowest, highest) magnification; its logarithm is drawn evenly.
        seed: decides on the magnification.
    """
    magnification = np.exp(np.random.default_rng(seed).uniform(*np.log(scale)))
    height, width = (max(1, round(side / magnification)) for side in size)
    return height, width


def at_least(array: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, C] uint8, mirrored at its lower and right edge where it is smaller than `size`, (height, width)."""
    bottom, right = (max(0, want - have) for have, want in zip(array.shape[:2], size, strict=True))
    if not bottom and not right:
        return array
    padded = cv2.copyMakeBorder(array, 0, bottom, 0, right, cv2.BORDER_REFLECT)
    return padded.reshape(*padded.shape[:2], array.shape[2])  # OpenCV drops a single channel
