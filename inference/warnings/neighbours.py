"""How far an image lies from the training images, in a space of a few numbers."""

from __future__ import annotations

import warnings

import numpy as np

NEIGHBOUR = 2  # how many training images around a training image say how dense they lie there
LEAST = 8  # training images; with fewer nothing can be said


class Neighbours:
    """The training images in the space of some numbers. They may be of several kinds, each with a density of its own.

    The distance of an image is that to the nearest training image, divided by the distance of that one to its own
    second neighbour plus the median of all such distances. So a training image in a crowd is near to few images, and a
    lonely one to more. This is the nearest-neighbour data description of Tax (One-class classification, 2001, section
    3.4.2), made smooth. Numbers are divided by their robust spread before, and those that are not known are left out.

    Args:
        values: [images, numbers] float; NaN where a number is not known.
        quantile: share of the training images that lie within the limit, each compared with the others.

    Attributes:
        limit: the distance beyond which an image is unlike the training images; NaN if there are too few of them.
    """

    def __init__(self, values: np.ndarray, *, quantile: float) -> None:
        known = np.isfinite(values).mean(axis=1) > 0.5 if values.size else np.zeros(len(values), bool)
        values = values[known].astype(np.float64)
        self.limit = np.nan
        if len(values) < LEAST:
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a number that no image has
            low, self._middle, high = np.nanpercentile(values, (16, 50, 84), axis=0)
        spread = (high - low) / 2
        self._scale = np.where(spread > 0, spread, 1.0)
        self._points = (values - self._middle) / self._scale
        apart = np.stack([self._distances(point) for point in self._points])
        np.fill_diagonal(apart, np.inf)
        second = np.sort(apart, axis=1)[:, NEIGHBOUR - 1]
        self._reach = second + np.median(second[np.isfinite(second)])
        among = np.sort((apart / self._reach).min(axis=1))
        self.limit = float(np.quantile(among, quantile)) * (1 + 4 / len(among))

    def distance(self, values: np.ndarray) -> float:
        """Returns the distance of an image, [numbers], as a multiple of the limit; NaN if nothing can be said."""
        if not self.limit > 0 or np.isfinite(values).mean() <= 0.5:
            return np.nan
        return float((self._distances((values - self._middle) / self._scale) / self._reach).min() / self.limit)

    def _distances(self, point: np.ndarray) -> np.ndarray:
        """The root of the mean squared differences to all training images, over what is known of both."""
        squares = (self._points - point) ** 2
        known = np.isfinite(squares)
        count = known.sum(axis=1)
        total = np.where(known, squares, 0).sum(axis=1)
        return np.sqrt(np.divide(total, count, out=np.full(len(squares), np.inf), where=count > 0))
