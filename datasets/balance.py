"""Class weights from class frequencies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from system.errors import DataError


def balanced_weights(pixels: np.ndarray, classes: Sequence[str]) -> list[float]:
    """n / (K · n_c) for each class c: the mean weight of a pixel is 1, and all classes weigh the same in sum.

    This is scikit-learn's `class_weight="balanced"` (King and Zeng 2001, "Logistic Regression in Rare Events Data").
    n is the sum over the classes, also where the background is none of them.

    Args:
        pixels: [K] integers, the n_c.
        classes: names of the K classes.

    Raises:
        DataError: a class has no pixel.
    """
    absent = [name for name, count in zip(classes, pixels, strict=True) if count == 0]
    if absent:
        raise DataError(
            f"no pixel of {', '.join(absent)} in the images that loss.class_weights: balanced counts; add images that "
            "show it, or give the weights as numbers (weight: [1, …])"
        )
    return (pixels.sum() / (len(pixels) * pixels.astype(np.float64))).tolist()
