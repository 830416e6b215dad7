"""The target `border`: background, interior and border between touching objects, three classes from label maps."""

from __future__ import annotations

import cv2
import numpy as np

from tasks.multiclass import BACKGROUND
from tasks.softmax import SoftmaxTask
from tasks.task import TaskOptions
from tasks.truth import Truth


class Border(SoftmaxTask):
    """Makes the borders after the resizing, because they are a pixel or two wide and would break or vanish in it."""

    reads = "labels"

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Border:
        return cls((BACKGROUND, "interior", "border"), truth, options)

    def encode(self, truth: np.ndarray, *, magnification: float = 1.0) -> np.ndarray:
        """Turns [H, W, 1] instance ids into [H, W, 1] uint8 {0, 1, 2}. The radius grows with the magnification."""
        return border_classes(truth[..., 0], max(1.0, self.options.border_radius * magnification))[..., None]


def border_classes(labels: np.ndarray, radius: float) -> np.ndarray:
    """Turns instance ids into 0 background, 1 interior and 2 border between touching or close instances.

    A pixel, of an instance or of the background, belongs to the border if at least two instances have a pixel at a
    distance of at most `radius` from it. The distance is Euclidean, between pixel centres; a pixel is at distance 0
    from its own instance. In terms of the weight map of the U-Net paper (Ronneberger et al. 2015, Eq. 2), these are the
    pixels whose distances d1 and d2 to the two nearest cells are both at most `radius`. The winners of the 2018 Data
    Science Bowl trained on such borders as a class of their own, beside the bodies of the nuclei.

    Args:
        labels: [H, W] integers, 0 is background.
        radius: in pixels, at least 1. With 1 the border is the two outermost rows of pixels where instances touch, and
            the gaps of one pixel between instances.

    Returns:
        [H, W] uint8.
    """
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.uint8)
    ids = labels.astype(np.float64)  # this dtype holds every id exactly, and OpenCV can filter it
    highest = cv2.dilate(ids, disc)
    lowest = cv2.erode(np.where(ids == 0, np.inf, ids), disc)
    return np.where((highest > 0) & (highest != lowest), 2, labels > 0).astype(np.uint8)
