"""Floods the foreground of one image from its seeds, so that each seed becomes an object, and fills holes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

PERIOD = 4096  # pixels after which the order of equal seeds repeats: more than a block of a large image has


@dataclass(frozen=True)
class Landscape:
    """What a flood needs.

    Attributes:
        foreground: [H, W] bool.
        find_seeds: returns `seeds`.
        height: [H, W] float32. The flood rises from the seeds; None says that the seeds are the objects already.
    """

    foreground: np.ndarray
    find_seeds: Callable[[], np.ndarray]
    height: np.ndarray | None

    @cached_property
    def seeds(self) -> np.ndarray:
        """[H, W] bool, a part of the foreground. Its components are the seeds."""
        return self.find_seeds()


def components(mask: np.ndarray, *, connectivity: int, min_area: int = 1) -> np.ndarray:
    """Numbers the components of [H, W] bool that have at least so many pixels: [H, W] int32, in raster order."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    kept = statistics[:, cv2.CC_STAT_AREA] >= min_area
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels] if count > 1 else labels


def flooded(
    landscape: Landscape,
    markers: np.ndarray,
    *,
    origin: tuple[int, int] = (0, 0),
    core: tuple[slice, slice] = np.s_[:, :],
) -> np.ndarray:
    """Floods the foreground from markers [H, W] int32, and returns the same kind.

    Only components of the foreground with several markers need a flood. Where pixels of seeds are equally high, the
    order is that of their places in the image, so that a block of an image is flooded as the whole image is.

    Args:
        origin: row and column, in the whole image, of the first pixel.
        core: the part that is returned.
    """
    if landscape.height is None:
        return markers[core]
    foreground = landscape.foreground.view(np.uint8)
    count, regions = cv2.connectedComponents(foreground, connectivity=4, ltype=cv2.CV_32S)
    seeds = np.flatnonzero(markers > 0)
    inside, numbers = regions.take(seeds), markers.take(seeds)
    single = np.zeros(count, markers.dtype)  # of each region, one of its markers
    single[inside] = numbers
    contested, needed = np.zeros((2, count), bool)
    contested[inside[single[inside] != numbers]] = True
    needed[regions[core]] = True
    single[contested] = 0
    labels, contested = single.take(regions[core]), contested & needed
    if contested.any():
        labels += _flood_from_rims(landscape.height, markers, contested.take(regions), origin)[core]
    return labels


def _flood_from_rims(height: np.ndarray, markers: np.ndarray, mask: np.ndarray, origin: tuple[int, int]) -> np.ndarray:
    """The watershed of `mask` [H, W] bool from the rims of its markers: the inner pixels of a seed flood nothing."""
    from skimage.segmentation import watershed

    seeds = (mask & (markers > 0)).view(np.uint8)
    inner = cv2.erode(seeds, cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))).view(bool)
    rows, columns = np.nonzero(seeds.view(bool) & ~inner)
    order = (rows + origin[0]) % PERIOD * PERIOD + (columns + origin[1]) % PERIOD
    height = height.astype(np.float64)
    height[rows, columns] *= 1 + order * 2.0**-52  # less than the steps of float32, which the maps have
    labels = watershed(height, markers, mask=mask & ~inner, connectivity=1)
    np.copyto(labels, markers, where=inner)
    return labels


def without_holes(labels: np.ndarray) -> np.ndarray:
    """Makes background that a single object encloses a part of this object."""
    background = (labels == 0).astype(np.uint8)
    count, regions, _, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    if count == 1:
        return labels
    edge = np.concatenate([regions[0], regions[-1], regions[:, 0], regions[:, -1]])
    outside = np.zeros(count, bool)
    outside[edge] = True
    outside[0] = True
    lowest, highest = np.full(count, np.iinfo(np.int32).max), np.zeros(count, np.int64)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:])):
        for one, other in ((regions[near], labels[far]), (regions[:, near], labels[:, far])):
            touching = (one > 0) & (other > 0)
            np.minimum.at(lowest, one[touching], other[touching])
            np.maximum.at(highest, one[touching], other[touching])
    enclosed = ~outside & (lowest == highest)
    filled = np.where(enclosed, highest, 0).astype(labels.dtype)
    return np.where(labels == 0, filled[regions], labels)
