"""The sizes of objects in masks and label maps."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

FEW = 2**20  # ids up to this number are counted by number, which is faster than sorting


def areas_of(mask: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
    """Returns the areas of the objects of a mask in pixels, [objects] integer.

    Args:
        mask: [H, W] uint8 {0, 1}.
        labels: [H, W] integers, the objects; without it, connected pixels are an object.
    """
    if labels is None:
        # Not by OpenCV, whose threads would stay; a training forks its workers later.
        pieces, _ = ndimage.label(mask, structure=np.ones((3, 3)))
        return np.bincount(pieces.ravel())[1:]
    ids = labels[mask > 0]
    ids = ids[ids > 0]
    if ids.size and ids.max() > FEW:  # ids of 32 bits may be any number
        return np.unique(ids, return_counts=True)[1]
    areas = np.bincount(ids)
    return areas[areas > 0]


def median_diameter(areas: np.ndarray) -> float:
    """Returns the median equivalent diameter of objects in pixels, from their areas."""
    return float(np.sqrt(4 * np.median(areas) / np.pi))
