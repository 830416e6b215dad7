"""Sums over the pixels of each cell: area, box, moments and intensities, strip by strip."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from inference.measurements.runs import Runs

TOP, LEFT, BOTTOM, RIGHT = range(4)
# Sums over the pixels of a cell, of y and x in pixels from the first pixel of the cell: small whole numbers, so that
# no digit is lost where a cell lies far from the corner of the image.
SUM_Y, SUM_X, SUM_YY, SUM_XX, SUM_YX = range(5)


class CellSums:
    """Adds up the pixels of `count` cells. Every cell has its place, from 0.

    Attributes:
        areas: [n] int64, pixels.
        boxes: [4, n] int64: first row and column, and the ones behind the last.

    Args:
        count: number of cells, n.
        channels: of the intensities; 0 adds up the geometry only.
    """

    def __init__(self, count: int, *, channels: int) -> None:
        self.areas = np.zeros(count, np.int64)
        self.boxes = np.zeros((4, count), np.int64)
        self.boxes[:2] = np.iinfo(np.int64).max
        self._origins = np.zeros((2, count), np.int64)  # row and column of the first pixel
        self._moments = np.zeros((5, count))
        self._first = np.zeros((channels, count))  # the intensity of the first pixel, which the sums count from
        self._sums, self._squares = np.zeros((2, channels, count))
        self._lowest, self._highest = np.full((channels, count), np.inf), np.full((channels, count), -np.inf)

    def add(self, runs: Runs, pixels: np.ndarray | None, inside: np.ndarray | None) -> None:
        """Adds a strip.

        Args:
            runs: those of the strip.
            pixels: [h, W, C] intensities of any real dtype; None if there are no channels.
            inside: [h, W] bool, where the strip has cells; None if there are no channels.
        """
        if not len(runs.cells):
            return
        cells, first_runs, local = np.unique(runs.cells, return_index=True, return_inverse=True)
        new = self.areas[cells] == 0
        self._origins[:, cells[new]] = runs.rows[first_runs[new]], runs.starts[first_runs[new]]
        total = lambda values: np.bincount(local, values, minlength=len(cells))
        self.areas[cells] += total(runs.lengths).astype(np.int64)
        self._add_moments(runs, cells, total)
        for side, places, reduced in (
            (TOP, runs.rows, np.minimum),
            (LEFT, runs.starts, np.minimum),
            (BOTTOM, runs.rows + 1, np.maximum),
            (RIGHT, runs.ends, np.maximum),
        ):
            reduced.at(self.boxes[side], runs.cells, places)
        begins = np.cumsum(runs.lengths) - runs.lengths  # of each run among the pixels inside
        for channel in range(len(self._first)):
            values = pixels[..., channel][inside]
            if new.any():
                self._first[channel, cells[new]] = values[begins[first_runs[new]]]
            np.minimum.at(self._lowest[channel], runs.cells, np.minimum.reduceat(values, begins).astype(np.float64))
            np.maximum.at(self._highest[channel], runs.cells, np.maximum.reduceat(values, begins).astype(np.float64))
            above = values - np.repeat(self._first[channel, runs.cells], runs.lengths)  # float64
            self._sums[channel, cells] += total(np.add.reduceat(above, begins))
            np.square(above, out=above)
            self._squares[channel, cells] += total(np.add.reduceat(above, begins))

    def _add_moments(self, runs: Runs, cells: np.ndarray, total: Callable[[np.ndarray], np.ndarray]) -> None:
        """Adds sums of coordinates; `total` adds up a value of each run over the runs of each of `cells`."""
        n, y = runs.lengths, runs.rows - self._origins[0, runs.cells]
        a = runs.starts - self._origins[1, runs.cells]
        x = n * a + n * (n - 1) // 2  # the sum of a, a + 1, …
        xx = n * a * a + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6  # the sum of their squares
        sums = {SUM_Y: n * y, SUM_X: x, SUM_YY: n * y * y, SUM_XX: xx, SUM_YX: y * x}
        for moment, values in sums.items():
            self._moments[moment, cells] += total(values)

    def centroids(self) -> np.ndarray:
        """Returns the mean row and column of the pixels of each cell, [2, n] float64."""
        return self._origins + self._moments[[SUM_Y, SUM_X]] / self.areas

    def covariances(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the variance of the rows, of the columns, and their covariance over each cell, in pixels²: [n]."""
        n, m = self.areas.astype(np.float64), self._moments
        of = lambda product, one, other: (n * m[product] - m[one] * m[other]) / n**2
        return of(SUM_YY, SUM_Y, SUM_Y), of(SUM_XX, SUM_X, SUM_X), of(SUM_YX, SUM_Y, SUM_X)

    def intensities(self) -> dict[str, np.ndarray]:
        """Returns statistic → [C, n] float64, in the units of the pixels: mean, min, max, and std (divided by n)."""
        mean = self._sums / self.areas
        variance = np.maximum(self._squares / self.areas - mean**2, 0)
        return {"mean": self._first + mean, "min": self._lowest, "max": self._highest, "std": np.sqrt(variance)}
