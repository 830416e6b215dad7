"""How the windows of an epoch are shared out among the images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from system.seeding import sample_numbers


class Shares:
    """Gives every image the same number of windows in every epoch.

    Args:
        windows: number of windows per image, on average over the images.
    """

    def __init__(self, windows: int) -> None:
        self.windows = windows

    def image_of(self, epoch: int, index: int) -> int:
        """Returns the number of the image that the window with number `index` is cut of in this epoch."""
        return index // self.windows


class UnequalShares(Shares):
    """Gives each image as many windows as its share says, on average over the epochs.

    In an epoch it gets the whole number below or above its share, by systematic sampling (Madow 1949): the sums of the
    shares are shifted by one random number of the epoch, and rounded down.

    Args:
        shares: the number of windows of each image; the sum is a whole number.
        seed: of the random numbers.
    """

    def __init__(self, shares: np.ndarray, *, seed: int) -> None:
        self.shares, self.seed = np.asarray(shares, np.float64), seed
        self._epoch, self._images = None, np.zeros(0, np.int64)

    def image_of(self, epoch: int, index: int) -> int:
        if epoch != self._epoch:
            self._epoch, self._images = epoch, np.repeat(np.arange(len(self.shares)), self.windows_of_images(epoch))
        return int(self._images[index])

    def windows_of_images(self, epoch: int) -> np.ndarray:
        """Returns the windows of each image in an epoch, [images] int64; the sum is the same in every epoch."""
        sums = np.cumsum(self.shares)
        sums[-1] = np.rint(sums[-1])  # to the bit
        shift = sample_numbers(self.seed, epoch, 0, "shares", count=1)[0]
        return np.diff(np.floor(sums + shift).astype(np.int64), prepend=0)


def shares_by_area(areas: Sequence[int], windows: int) -> np.ndarray:
    """Returns shares of windows in proportion to the areas, but at least 1: [images] float64.

    Images that would get less than 1 get 1, and the others share what is left.

    Args:
        areas: of each image, in pixels.
        windows: number of windows per image, on average over the images.
    """
    areas = np.asarray(areas, np.float64)
    shares, small = np.ones(len(areas)), np.zeros(len(areas), bool)
    while not small.all():
        left = len(areas) * windows - small.sum()
        proportional = left * areas / areas[~small].sum()
        if not (found := ~small & (proportional < 1)).any():
            return np.where(small, 1, proportional)
        small |= found
    return shares * windows


def balanced_shares(kinds: Sequence[str], windows: int) -> np.ndarray:
    """Returns shares of windows by which rare kinds of images are seen more often: [images] float64.

    All images of a kind together get windows in proportion to the square root of their number (as Mahajan et al. 2018
    draw rare classes). A kind with a hundredth of the images of another one gets a tenth of its windows.

    Args:
        kinds: the kind of each image.
        windows: number of windows per image, on average over the images.
    """
    counts = Counter(kinds)
    weights = np.array([counts[kind] ** -0.5 for kind in kinds])
    return len(kinds) * windows * weights / weights.sum()
