"""Objects, which may overlap → a label map, in which each pixel belongs to one object."""

from __future__ import annotations

import numpy as np

Window = tuple[slice, slice]  # rows and columns


class LabelPainter:
    """Paints objects into a label map, one after the other, and keeps none of them.

    Where objects overlap, the smaller one is on top, or of two equally large ones that of the higher number. So small
    objects never vanish below large ones, and the order of painting does not matter.

    Attributes:
        labels: [H, W] int32, the number of the object at each pixel, 0 is background.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.labels = np.zeros(shape, np.int32)
        self._areas = np.full(shape, np.iinfo(np.int32).max, np.int32)  # of the object on top, in pixels

    def add(self, number: int, window: Window, inside: np.ndarray) -> None:
        """Paints the object `number`, from 1, where `inside` [rows, columns of the window] bool is true."""
        labels, areas = self.labels[window], self._areas[window]
        area = np.count_nonzero(inside)
        on_top = inside & ((area < areas) | ((area == areas) & (number > labels)))
        labels[on_top], areas[on_top] = number, area

    def drawn(self) -> set[int]:
        """The numbers of the objects that have pixels."""
        return set(np.flatnonzero(np.bincount(self.labels.ravel())).tolist()) - {0}
