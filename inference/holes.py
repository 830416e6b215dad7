"""Holes of objects in an image that is worked on block by block."""

from __future__ import annotations

import cv2
import numpy as np

from inference.seams import Box, Seams


class Holes:
    """Finds and fills background that a single object encloses, as `inference.decoding.without_holes` does.

    A hole, and the object around it, may reach over any number of blocks. Three passes over the blocks, each in the
    order of `blocks_of`, call `add`, then `look_around`, then `filled`.

    Args:
        shape: [H, W] of the image.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape, self.seams = shape, Seams(shape, connectivity=4)
        self._range: dict[Box, tuple[int, int]] = {}  # the provisional numbers of each block
        self._at_edge: list[np.ndarray] = []

    def add(self, box: Box, labels: np.ndarray) -> None:
        """First pass: takes the labels [h, w] of a block."""
        count, regions = _background(labels)
        self._range[box] = (self.seams.count + 1, self.seams.count + 1 + count)
        numbers = self.seams.add(box, regions, count)
        height, width = self.shape
        at_edges = {
            (0, 0): box.top == 0,
            (0, -1): box.bottom == height,
            (1, 0): box.left == 0,
            (1, -1): box.right == width,
        }
        self._at_edge += [np.unique(numbers.take(place, axis)) for (axis, place), true in at_edges.items() if true]

    def close(self) -> None:
        """Ends the first pass: background that reaches the edge of the image is no hole."""
        self._table, count = self.seams.joined()
        outside = np.zeros(count + 1, bool)
        outside[0] = True
        outside[self._table[np.concatenate(self._at_edge)]] = True
        self._table[outside[self._table]] = 0  # from now on only holes have numbers
        self._lowest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
        self._highest = np.zeros(count + 1, np.int32)

    def look_around(self, box: Box, labels: np.ndarray) -> None:
        """Second pass: notes which objects touch the holes of a block. `labels` are those of the whole image."""
        window = box.grown(1, self.shape)
        around = labels[window.slices]
        numbers = self._numbers(box, around[box.within(window)])
        if numbers is None:
            return
        rows, columns = np.nonzero(numbers)
        numbers = numbers[rows, columns]
        rows, columns = rows + box.top - window.top, columns + box.left - window.left
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # a hole never lies at the edge of the image
            neighbours = around[rows + down, columns + right]
            touching = neighbours > 0
            np.minimum.at(self._lowest, numbers[touching], neighbours[touching])
            np.maximum.at(self._highest, numbers[touching], neighbours[touching])

    def filled(self, box: Box, labels: np.ndarray) -> np.ndarray:
        """Third pass: returns the labels [h, w] of a block with its holes filled."""
        numbers = self._numbers(box, labels)
        if numbers is None:
            return labels
        filling = np.where(self._lowest == self._highest, self._highest, 0).astype(labels.dtype)
        return np.where(labels == 0, filling[numbers], labels)

    def _numbers(self, box: Box, labels: np.ndarray) -> np.ndarray | None:
        """Returns the number of the hole at each pixel of a block, [h, w] int32 with 0 elsewhere; None if no hole."""
        holes = self._table[slice(*self._range[box])]
        return np.concatenate([[0], holes]).astype(np.int32)[_background(labels)[1]] if holes.any() else None


def _background(labels: np.ndarray) -> tuple[int, np.ndarray]:
    """Returns the number of 4-connected components of the background, and them as [h, w] int32."""
    empty = (labels == 0).view(np.uint8)
    count, regions = cv2.connectedComponents(empty, connectivity=4, ltype=cv2.CV_32S)
    return count - 1, regions
