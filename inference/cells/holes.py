"""Holes of objects in an image that is worked on block by block."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from inference.cells.seams import Box, Seams

KEPT = 1 / 64  # the share of a block's pixels that are kept as possible holes from pass to pass
STEP = 16  # pixels between those that show which component is the largest


class _Background(NamedTuple):
    """The background of a block.

    Attributes:
        first, count: its components have the provisional numbers first + 1 … first + count.
        largest: its component that `places` leaves out, as in the block (1 … count).
        places, components: the other pixels of the background, as indices of the flat block, and their components in
            the block; None if there are many.
    """

    first: int
    count: int
    largest: int
    places: np.ndarray | None
    components: np.ndarray | None


class Holes:
    """Finds and fills background that a single object encloses, as `inference.cells.flooding.without_holes` does.

    A hole, and the object around it, may reach over any number of blocks. Three passes over the blocks, each in the
    order of `blocks_of`, call `add`, then `look_around`, then `fill`; `close` stands between the first two.

    Args:
        shape: [H, W] of the image.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape, self._seams = shape, Seams(shape, connectivity=4)
        self._blocks: dict[Box, _Background] = {}
        self._at_edge: list[np.ndarray] = [np.zeros(0, np.int64)]

    def add(self, box: Box, labels: np.ndarray) -> None:
        """First pass: takes the labels [h, w] of a block."""
        count, regions = _components(labels)
        first = self._seams.add(box, regions, count)
        largest = int(np.bincount(regions[::STEP, ::STEP].ravel(), minlength=2)[1:].argmax()) + 1
        small = np.flatnonzero((regions > 0) & (regions != largest)) if count > 1 else np.zeros(0, np.int64)
        kept = (small.astype(np.int32), regions.ravel()[small]) if len(small) <= regions.size * KEPT else (None, None)
        self._blocks[box] = _Background(first, count, largest, *kept)
        for at_edge, side in (
            (box.top == 0, regions[0]),
            (box.bottom == self.shape[0], regions[-1]),
            (box.left == 0, regions[:, 0]),
            (box.right == self.shape[1], regions[:, -1]),
        ):
            if at_edge:
                self._at_edge.append(np.unique(side[side > 0]) + first)

    def close(self) -> None:
        """Ends the first pass: background that reaches the edge of the image is no hole."""
        self._table, count = self._seams.joined()
        outside = np.zeros(count + 1, bool)
        outside[0] = True
        outside[self._table[np.concatenate(self._at_edge)]] = True
        self._table[outside[self._table]] = 0  # from now on only holes have numbers
        self._lowest = np.full(count + 1, np.iinfo(np.int32).max, np.int32)
        self._highest = np.zeros(count + 1, np.int32)

    def look_around(self, box: Box, labels: np.ndarray) -> None:
        """Second pass: notes which objects touch the holes of a block. `labels` [H, W] are those of the whole image."""
        rows, columns, holes = self._pixels(box, labels[box.slices])
        if not len(holes):
            return
        window = box.grown(1, self.shape)
        around = np.asarray(labels[window.slices])
        rows, columns = rows + box.top - window.top, columns + box.left - window.left
        for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1)):  # a hole never lies at the edge of the image
            neighbours = around[rows + down, columns + right]
            touching = neighbours > 0
            np.minimum.at(self._lowest, holes[touching], neighbours[touching])
            np.maximum.at(self._highest, holes[touching], neighbours[touching])

    def fill(self, box: Box, labels: np.ndarray) -> bool:
        """Third pass: fills the holes in the labels [h, w] of a block, and says whether it has any."""
        rows, columns, holes = self._pixels(box, labels)
        alone = self._lowest[holes] == self._highest[holes]
        labels[rows[alone], columns[alone]] = self._highest[holes[alone]]
        return bool(alone.any())

    def _pixels(self, box: Box, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the rows and the columns in a block of all pixels of holes, and the number of the hole of each."""
        block = self._blocks[box]
        numbers = np.zeros(block.count + 1, np.int32)
        numbers[1:] = self._table[block.first + 1 : block.first + block.count + 1]
        if not numbers.any():
            return (np.zeros(0, np.int64),) * 3
        places, components = block.places, block.components
        if places is None or numbers[block.largest]:
            regions = _components(labels)[1].ravel()
            places = np.flatnonzero(regions)
            components = regions[places]
        holes = numbers[components]
        rows, columns = np.divmod(places[holes > 0], box.right - box.left)
        return rows, columns, holes[holes > 0]


def _components(labels: np.ndarray) -> tuple[int, np.ndarray]:
    """Returns the number of 4-connected components of the background, and them as [h, w] int32."""
    empty = (np.asarray(labels) == 0).view(np.uint8)
    count, regions = cv2.connectedComponents(empty, connectivity=4, ltype=cv2.CV_32S)
    return count - 1, regions
