"""Background, interior and border between touching objects, as three softmax classes made from label maps."""

from __future__ import annotations

import cv2
import numpy as np

from tasks.multiclass import BACKGROUND
from tasks.softmax import SoftmaxTask
from tasks.task import TaskOptions
from tasks.truth import Truth


class Border(SoftmaxTask):
    """Borders are made after the resizing: they are a pixel or two wide, and would break or vanish in it."""

    reads = "labels"

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Border:
        return cls((BACKGROUND, "interior", "border"), truth, options)

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """[H, W, 1] instance ids → [H, W, 1] uint8 {0, 1, 2}; the radius grows with the magnification."""
        return border_classes(truth[..., 0], max(1.0, self.options.border_radius * magnification))[..., None]


def border_classes(labels: np.ndarray, radius: float) -> np.ndarray:
    """Instance ids → 0 background, 1 interior, 2 border between touching or close instances.

    A pixel, of an instance or of the background, is border where at least two instances have a pixel at a distance of
    at most `radius` (Euclidean, between pixel centres; a pixel is at distance 0 from its own instance). These are the
    pixels in which the distances d1 and d2 to the two nearest cells, which the weight map of the U-Net paper is made
    of (Ronneberger et al. 2015, Eq. 2), are both at most `radius`. The winners of the 2018 Data Science Bowl learnt
    them as a class of its own beside the bodies of the nuclei.

    Args:
        labels: [H, W] integers, 0 is background.
        radius: in pixels, at least 1: with 1, the two outermost rows of pixels where instances touch, and gaps of one
            pixel between them.

    Returns:
        [H, W] uint8.
    """
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.uint8)
    ids = labels.astype(np.float64)  # holds every id exactly, and OpenCV filters it
    highest = cv2.dilate(ids, disc)
    lowest = cv2.erode(np.where(ids == 0, np.inf, ids), disc)
    return np.where((highest > 0) & (highest != lowest), 2, labels > 0).astype(np.uint8)
