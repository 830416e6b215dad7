"""Compares the confidence of predicted objects with the share of them that are right."""

from __future__ import annotations

import numpy as np

BINS = 20  # of equal width, from 0 to 1


class Calibration:
    """Counts predicted objects by their confidence, image by image.

    The confidence is calibrated if, of all objects with a confidence of about c, the share c is right.

    Attributes:
        objects: [BINS] int64, the predicted objects in each bin. A bin has its lower limit and not its upper one; the
            last bin has both.
        matched: [BINS] int64, those of them that match a true object.
        confidence: [BINS] float64, the sum of their confidences.
    """

    def __init__(self) -> None:
        self.objects, self.matched = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        self.confidence = np.zeros(BINS)

    def update(self, confidences: np.ndarray, matched: np.ndarray) -> None:
        """Adds objects.

        Args:
            confidences: [P] float in [0, 1].
            matched: [P] bool, whether the object matches a true one.
        """
        confidences = np.asarray(confidences, np.float64)
        bins = np.minimum((confidences * BINS).astype(np.int64), BINS - 1)
        self.objects += np.bincount(bins, minlength=BINS)
        self.matched += np.bincount(bins[matched], minlength=BINS)
        self.confidence += np.bincount(bins, weights=confidences, minlength=BINS)

    def table(self) -> list[dict[str, float]]:
        """Returns one row for each bin that has objects.

        Columns: `from` and `to`, the limits of the confidence; `cells` and `matched`, the counts; `mean_confidence`.
        """
        return [
            {
                "from": k / BINS,
                "to": (k + 1) / BINS,
                "cells": int(self.objects[k]),
                "matched": int(self.matched[k]),
                "mean_confidence": float(self.confidence[k] / self.objects[k]),
            }
            for k in np.flatnonzero(self.objects).tolist()
        ]
