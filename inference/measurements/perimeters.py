"""The perimeter of each cell, as scikit-image defines it.

Source: Benkrid and Crookes, "Design and FPGA Implementation of a Perimeter Estimator", as `skimage.measure.perimeter`
with 4 neighbours. A pixel of a cell is on its border if one of its 4 neighbours is not of the cell. The neighbours of a
border pixel that are border pixels of the same cell say how long the outline is there.
"""

from __future__ import annotations

import numpy as np

from inference.measurements.runs import places_of

SIDES = ((-1, 0), (1, 0), (0, -1), (0, 1))
CORNERS = ((-1, -1), (-1, 1), (1, -1), (1, 1))
ROOT = 2**0.5
LENGTHS = np.array([0, 1, ROOT, (1 + ROOT) / 2])  # of the outline at a border pixel, by its kind
# 1 + 2 · neighbours beside + 10 · neighbours at corners → kind of the border pixel
KINDS = np.zeros(50, np.int64)
KINDS[[5, 7, 15, 17, 25, 27]] = 1
KINDS[[21, 33]] = 2
KINDS[[13, 23]] = 3


def border_kinds(labels: np.ndarray, ids: np.ndarray, *, top: int, bottom: int) -> tuple[np.ndarray, np.ndarray]:
    """Counts the kinds of border pixels in the rows `top` to `bottom` of a label map.

    Args:
        labels: [H, W] of any integer dtype, the whole image; two rows above and below the strip are looked at.
        ids: the labels of the image, ascending.

    Returns:
        The places of the cells that have border pixels there, [k] int64; and the number of each kind, [k, 4] int64.
    """
    height, width = labels.shape
    first, last = max(0, top - 2), min(height, bottom + 2)
    # Two more rows on each side, and one more column, so that every neighbour exists; outside there is no cell.
    padded = np.zeros((bottom - top + 4, width + 2), labels.dtype)
    padded[first - top + 2 : last - top + 2, 1:-1] = labels[first:last]
    inner = padded[1:-1, 1:-1]
    border = np.zeros(padded.shape, bool)
    for down, right in SIDES:
        rows, columns = np.s_[1 + down : len(padded) - 1 + down], np.s_[1 + right : width + 1 + right]
        border[1:-1, 1:-1] |= inner != padded[rows, columns]
    border &= padded > 0
    places = np.flatnonzero(border[2:-2]) + 2 * (width + 2)
    numbers, flat, on_border = padded.ravel()[places], padded.ravel(), border.ravel()
    codes = np.ones(len(places), np.int64)
    for steps, worth in ((SIDES, 2), (CORNERS, 10)):
        for down, right in steps:
            beside = places + (down * (width + 2) + right)
            codes += worth * (on_border[beside] & (flat[beside] == numbers))
    cells, local = np.unique(places_of(numbers, ids), return_inverse=True)
    counts = np.bincount(local * len(LENGTHS) + KINDS[codes], minlength=len(cells) * len(LENGTHS))
    return cells, counts.reshape(len(cells), len(LENGTHS))
