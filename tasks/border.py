"""The task `border`: the foreground, and the borders between cells that touch or nearly touch."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch.nn.functional as F
from torch import Tensor

from images.resize import resize_mask
from tasks.instance import InstanceTask, mean_where

# Borders are less than one pixel in a hundred; without this weight they are not learnt in a short training.
POS_WEIGHT = 8.0


class Border(InstanceTask):
    """The second channel is a sigmoid for the border, which may lie on cells and on the background between them.

    The winners of the 2018 Data Science Bowl trained on such borders beside the bodies of the nuclei. They are made
    after the resizing, because they are a few pixels wide and would break or vanish in it.
    """

    term = "border"

    def separation(self, labels: np.ndarray, magnification: float) -> np.ndarray:
        return border_map(labels, max(1.0, self.options.border_radius * magnification)).astype(np.uint8)

    def resize_separation(self, separation: np.ndarray, foreground: np.ndarray) -> np.ndarray:
        """Resizes the border and gives it its radius again, by `border_radius` · (1 − magnification) on each side.

        Between cells with a gap g, the border reaches radius − g/2 to both sides of the middle. In an image that is
        magnified m times it has to reach radius − m·g/2, and the resized one reaches m·radius − m·g/2. A gap that is
        too wide for a border stays without one when it is shrunk, because the target no longer shows it.
        """
        resized = resize_mask(separation, foreground.shape)
        magnification = math.sqrt(foreground.size / separation.size)
        missing = self.options.border_radius * (1 - magnification)
        if missing >= 0:
            outside = cv2.distanceTransform(1 - resized, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            return (outside <= missing).astype(np.uint8) if resized.any() else resized
        inside = cv2.distanceTransform(resized, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return (inside > -missing).astype(np.uint8) if not resized.all() else resized

    @staticmethod
    def term_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Returns the weighted cross-entropy plus 1 − Dice, whose sums are pooled over the batch."""
        truth = target * valid
        weight = logits.new_tensor(POS_WEIGHT)
        entropy = F.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight, reduction="none")
        p = logits.sigmoid() * valid
        dice = (2 * (p * truth).sum() + 1) / (p.sum() + truth.sum() + 1)
        return mean_where(entropy, valid) + 1 - dice


def border_map(labels: np.ndarray, radius: float) -> np.ndarray:
    """Says which pixels are border between touching or close instances.

    A pixel, of an instance or of the background, belongs to the border if at least two instances have a pixel at a
    distance of at most `radius` from it. The distance is Euclidean, between pixel centres; a pixel is at distance 0
    from its own instance. In terms of the weight map of the U-Net paper (Ronneberger et al. 2015, Eq. 2), these are the
    pixels whose distances d1 and d2 to the two nearest cells are both at most `radius`.

    Args:
        labels: [H, W] integers, 0 is background.
        radius: in pixels, at least 1. With 1 the border is the two outermost rows of pixels where instances touch, and
            the gaps of one pixel between instances.

    Returns:
        [H, W] bool.
    """
    reach = int(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = (y**2 + x**2 <= radius**2).astype(np.uint8)
    ids = labels.astype(np.float64)  # this dtype holds every id exactly, and OpenCV can filter it
    highest = cv2.dilate(ids, disc)
    lowest = cv2.erode(np.where(ids == 0, np.inf, ids), disc)
    return (highest > 0) & (highest != lowest)
