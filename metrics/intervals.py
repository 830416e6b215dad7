"""Intervals of scores: how far a score might move if other images of the same kind had been scored."""

from __future__ import annotations

import numpy as np

LEVEL = 0.95
ROUNDS = 2000
SEED = 0
AT_ONCE = 2**22  # numbers in memory while images are drawn


def ratio_interval(parts: np.ndarray, wholes: np.ndarray, *, seed: int = SEED) -> tuple[float, float] | None:
    """Returns the 95 % bootstrap interval of sum(parts) / sum(wholes), by percentiles (Efron and Tibshirani 1993).

    The images are drawn with replacement 2,000 times. A score that is pooled over images is such a ratio: the AP of
    cells has TP of each image as `parts` and TP + FP + FN as `wholes`. So is a mean over images, with ones as `wholes`.
    Images of the same field or patient resemble each other, so that the true uncertainty is larger than this interval.

    Args:
        parts, wholes: [n] numbers, one for each image; `wholes` are at least 0.
        seed: of the draws. The same images, in the same order, always give the same interval.

    Returns:
        Its lower and upper end; None for fewer than two images, or if all wholes are 0.
    """
    images = len(parts)
    if images < 2 or not np.any(wholes):
        return None
    rng, terms, ratios = np.random.default_rng(seed), np.stack([parts, wholes], axis=1).astype(np.float64), []
    for first in range(0, ROUNDS, step := max(1, AT_ONCE // images)):
        drawn = rng.integers(0, images, (min(step, ROUNDS - first), images))
        sums = terms[drawn].sum(axis=1)
        ratios.append(np.divide(sums[:, 0], sums[:, 1], out=np.ones(len(sums)), where=sums[:, 1] > 0))
    low, high = np.quantile(np.concatenate(ratios), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
