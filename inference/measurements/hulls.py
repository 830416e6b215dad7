"""The number of pixels in the convex hull of each cell, as scikit-image counts them, in whole numbers.

As in `skimage.morphology.convex_hull_image`, the hull is that of the middles of the four sides of each pixel, and a
pixel counts if its middle lies in the hull or on its edge. All coordinates are doubled, so that they are whole numbers.
The left and the right half of a hull are found for all cells at once: a point that does not lie outside the line of its
two neighbours is no corner, and such points are removed until there are none.
"""

from __future__ import annotations

import numpy as np

from inference.measurements.runs import Runs

ROWS_AT_ONCE = 2**20  # of all cells together


class CellRows:
    """Gathers the outermost pixels of every row of cells, until the cells are complete.

    Args:
        boxes: [4, n] int64, see `CellSums.boxes`.
    """

    def __init__(self, boxes: np.ndarray) -> None:
        self._tops, self._bottoms = boxes[0], boxes[2]
        self._waiting = np.zeros((4, 0), np.int64)  # cell, row, first and last column; by cell and then by row

    def add(self, runs: Runs, *, bottom: int) -> tuple[np.ndarray, np.ndarray]:
        """Adds the runs of the next strip, which ends before the row `bottom`.

        Returns:
            The places of the cells that end there, [k] int64, and the pixels of their convex hulls, [k] int64.
        """
        order = np.argsort(runs.cells, kind="stable")
        cells, rows = runs.cells[order], runs.rows[order]
        begins = np.flatnonzero(_changes(cells) | _changes(rows))
        ends = np.append(begins, len(cells))[1:] - 1
        new = np.stack([cells[begins], rows[begins], runs.starts[order][begins], runs.ends[order][ends] - 1])
        rows = np.concatenate([self._waiting, new], axis=1)
        rows = rows[:, np.argsort(rows[0], kind="stable")]
        complete = self._bottoms[rows[0]] <= bottom
        self._waiting, rows = rows[:, ~complete], rows[:, complete]
        firsts = np.flatnonzero(_changes(rows[0]))
        found = rows[0, firsts]
        heights = self._bottoms[found] - self._tops[found]
        batches = np.flatnonzero(_changes(np.cumsum(heights) // ROWS_AT_ONCE))[1:]
        parts = np.split(rows, firsts[batches], axis=1)
        counts = [hull_areas(*part) for part in parts if part.size]
        return found, np.concatenate([np.zeros(0, np.int64), *counts])


def hull_areas(cells: np.ndarray, rows: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Counts the pixels of convex hulls.

    Args:
        cells, rows: [m] int64, a row of a cell; sorted by cell and then by row.
        first, last: [m] int64, its outermost columns.

    Returns:
        The number of pixels of the hull of each cell, in their order, int64.
    """
    changes = _changes(cells)
    begins = np.flatnonzero(changes)
    numbers = np.cumsum(changes) - 1
    tops, bottoms = rows[begins], rows[np.append(begins[1:], len(rows)) - 1]
    heights = bottoms - tops + 1
    ends = np.cumsum(heights)
    of_row = np.repeat(np.arange(len(begins)), heights)
    every_row = np.arange(ends[-1]) - np.repeat(ends - heights - tops, heights)
    left = _leftmost(numbers, rows, first, of_row, every_row)
    right = -_leftmost(numbers, rows, -last, of_row, every_row)
    return np.add.reduceat(right - left + 1, ends - heights)


def _leftmost(
    cells: np.ndarray, rows: np.ndarray, columns: np.ndarray, of_row: np.ndarray, every_row: np.ndarray
) -> np.ndarray:
    """Returns the first column of the hull in every row of every cell.

    Args:
        cells, rows, columns: [m], the first pixel of a row of a cell, as `hull_areas` has them; cells are 0, 1, ….
        of_row, every_row: [t], the cells and the rows that are asked for.
    """
    cells, y, x = _corners(*_points(cells, rows, columns))
    reach = y.max() - y.min() + 2
    key = lambda cell, height: cell * reach + (height - y.min())
    corner = np.searchsorted(key(cells, y), key(of_row, 2 * every_row), side="right") - 1
    run, rise = y[corner + 1] - y[corner], x[corner + 1] - x[corner]
    # The smallest column c with 2c ≥ x + rise · (2 · row − y) / run; −(−a // b) is a / b, rounded up.
    return -(-(x[corner] * run + rise * (2 * every_row - y[corner])) // (2 * run))


def _points(cells: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The middles of the left, upper and lower sides of pixels: cells, and doubled rows and columns, by rising rows.

    The lower side of a pixel and the upper side of the next row's pixel lie at the same height. Only the one further
    left is kept.
    """
    joined = np.zeros(len(cells) + 1, bool)  # whether a row follows right below the row before
    joined[1:-1] = (cells[1:] == cells[:-1]) & (rows[1:] == rows[:-1] + 1)
    above = np.where(joined[:-1], np.minimum(columns, np.roll(columns, 1)), columns)
    y = np.stack([2 * rows - 1, 2 * rows, 2 * rows + 1], axis=1)
    x = np.stack([2 * above, 2 * columns - 1, 2 * columns], axis=1)
    kept = np.ones(y.shape, bool)
    kept[:, 2] = ~joined[1:]
    return np.repeat(cells, 3).reshape(y.shape)[kept], y[kept], x[kept]


def _corners(cells: np.ndarray, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keeps the points of the left half of each cell's hull: the first, the last, and the corners between them."""
    while True:
        between = np.zeros(len(cells), bool)
        between[1:-1] = cells[:-2] == cells[2:]
        place = np.flatnonzero(between)
        before, after = place - 1, place + 1
        right = (x[place] - x[before]) * (y[after] - y[before]) >= (x[after] - x[before]) * (y[place] - y[before])
        if not right.any():
            return cells, y, x
        kept = np.ones(len(cells), bool)
        kept[place[right]] = False
        cells, y, x = cells[kept], y[kept], x[kept]


def _changes(values: np.ndarray) -> np.ndarray:
    """[n] → [n] bool, where a value differs from the one before; the first one does."""
    changes = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes
