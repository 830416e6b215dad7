"""Blocks of an image, and components that reach over the seams between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    """A rectangle of pixels: rows `top` to `bottom`, columns `left` to `right`, without the last of each."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, by: int, shape: tuple[int, int]) -> Box:
        """Returns the box with `by` pixels more on each side, as far as an image [H, W] of this shape reaches."""
        height, width = shape
        bottom, right = min(height, self.bottom + by), min(width, self.right + by)
        return Box(max(0, self.top - by), max(0, self.left - by), bottom, right)

    def within(self, outer: Box) -> tuple[slice, slice]:
        """Returns where the pixels of this box lie in an array that holds those of `outer`."""
        rows = slice(self.top - outer.top, self.bottom - outer.top)
        return rows, slice(self.left - outer.left, self.right - outer.left)


def blocks_of(shape: tuple[int, int], block: int) -> Iterator[Box]:
    """Yields the boxes of `block`×`block` pixels that cover an image [H, W], row by row; the last ones are smaller."""
    height, width = shape
    for top in range(0, height, block):
        for left in range(0, width, block):
            yield Box(top, left, min(top + block, height), min(left + block, width))


class Seams:
    """Joins the components of blocks to those of the whole image: union-find over the pixels beside the seams.

    Blocks are added in the order of `blocks_of`. Every component of a block gets a provisional number; `joined` says
    which of these numbers are one component. The memory grows with the width of the image and the number of
    components.

    Args:
        shape: [H, W] of the image.
        connectivity: 4 or 8.
    """

    def __init__(self, shape: tuple[int, int], *, connectivity: int) -> None:
        self.shape, self.shifts = shape, (0,) if connectivity == 4 else (-1, 0, 1)
        self.count = 0
        self._above = np.zeros(shape[1], np.int32)  # the last row of the row of blocks above
        self._top, self._bottom = np.zeros_like(self._above), np.zeros_like(self._above)
        self._left = np.zeros(0, np.int32)  # the last column of the block to the left
        self._pairs: list[np.ndarray] = [np.zeros((2, 0), np.int32)]

    def add(self, box: Box, components: np.ndarray, count: int) -> int:
        """Takes the components of a block; their provisional numbers are theirs plus the number returned.

        Args:
            components: [h, w] int32 with numbers 1 … count; 0 is no component.

        Raises:
            OverflowError: the image has more than 2**31 − 1 components in blocks.
        """
        first = self.count
        self.count += count
        if self.count > np.iinfo(np.int32).max:
            raise OverflowError(f"more than {np.iinfo(np.int32).max} components; raise the thresholds of decoding")
        numbered = lambda pixels: np.where(pixels > 0, pixels + first, 0)
        if box.left > 0:
            self._pair(self._left, numbered(components[:, 0]))
        self._left = numbered(components[:, -1])
        self._top[box.left : box.right] = numbered(components[0])
        self._bottom[box.left : box.right] = numbered(components[-1])
        if box.right == self.shape[1]:
            self._pair(self._above, self._top)
            self._above[:] = self._bottom
        return first

    def joined(self) -> tuple[np.ndarray, int]:
        """Returns a table [count + 1] int32 from provisional numbers to those of the whole image, and their number.

        The numbers of the whole image are 1 … n; entry 0 is 0.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        one, other = np.concatenate(self._pairs, axis=1)
        edges = coo_array((np.ones(len(one), bool), (one, other)), shape=(self.count + 1, self.count + 1))
        count, numbers = connected_components(edges, directed=False)
        return (numbers - numbers[0]) % count, count - 1

    def _pair(self, near: np.ndarray, far: np.ndarray) -> None:
        """Notes which components meet at a seam, whose pixels on both sides are given."""
        for shift in self.shifts:
            one, other = near[max(0, -shift) : len(near) - max(0, shift)], far[max(0, shift) : len(far) + min(0, shift)]
            both = (one > 0) & (other > 0)
            if both.any():
                self._pairs.append(np.unique(np.stack([one[both], other[both]]), axis=1))
