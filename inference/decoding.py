"""Maps of one image → its objects: a label map, and a confidence for each object.

Every decoder finds one seed per object and floods the foreground from the seeds (scikit-image's watershed, Beucher and
Lantuéjoul 1979). What no seed reaches is dropped, as are objects below an area; holes are filled; labels are numbered
in raster order.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Decoding:
    """The parameters of decoding.

    Attributes:
        foreground_threshold: probability in (0, 1) above which a pixel belongs to an object.
        seed_threshold: of the map that seeds are taken from, in (0, 1).
        min_seed: pixels that a seed has at least.
        min_area: pixels that an object has at least.
    """

    foreground_threshold: float = 0.5
    seed_threshold: float = 0.4
    min_seed: int = 3
    min_area: int = 10


@dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Attributes:
        labels: [H, W] int32, 0 is background, then 1 … n in raster order.
        confidences: [n] float32 in (0, 1], the mean probability of the foreground over each object.
    """

    labels: np.ndarray
    confidences: np.ndarray


def decode_distance(probability: np.ndarray, distance: np.ndarray, how: Decoding) -> Objects:
    """Seeds are the components in which the distance lies above `seed_threshold`; the flood follows its slope.

    Args:
        probability: [H, W] float32 in [0, 1], of the foreground.
        distance: [H, W] float32, 0 at the border of an object and 1 in its middle; see `tasks.distance_maps`.
    """
    foreground = probability > how.foreground_threshold
    return _flood(probability, -distance, foreground & (distance > how.seed_threshold), foreground, how)


def decode_border(probability: np.ndarray, border: np.ndarray, how: Decoding) -> Objects:
    """Seeds are the components in which p(1 − b) lies above `seed_threshold`; the flood follows its slope.

    Args:
        probability, border: [H, W] float32 in [0, 1], of the foreground and of borders between objects.
    """
    foreground, inside = probability > how.foreground_threshold, probability * (1 - border)
    return _flood(probability, -inside, foreground & (inside > how.seed_threshold), foreground, how)


def decode_mask(probability: np.ndarray, how: Decoding) -> Objects:
    """Seeds are the tops of the mask's distance transform, at least one pixel above their surroundings."""
    from skimage.morphology import h_maxima

    foreground = probability > how.foreground_threshold
    depth = cv2.distanceTransform(foreground.astype(np.uint8), cv2.DIST_L2, 5)
    depth = cv2.GaussianBlur(depth, (0, 0), 1)
    seeds = foreground & (h_maxima(depth, 1) > 0)
    return _flood(probability, -depth, seeds, foreground, how, min_seed=1, connectivity=8)


def decode_components(probability: np.ndarray, how: Decoding) -> Objects:
    """Each component of the mask is an object."""
    foreground = probability > how.foreground_threshold
    return _finished(_components(foreground, connectivity=4), probability, how)


def _components(mask: np.ndarray, *, connectivity: int, min_area: int = 1) -> np.ndarray:
    """[H, W] bool → [H, W] int32, the components of at least so many pixels, in raster order; others are 0."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=connectivity)
    kept = statistics[:, cv2.CC_STAT_AREA] >= min_area
    kept[0] = False
    return np.where(kept, np.cumsum(kept), 0).astype(np.int32)[labels] if count > 1 else labels


def _flood(
    probability: np.ndarray,
    height: np.ndarray,
    seeds: np.ndarray,
    foreground: np.ndarray,
    how: Decoding,
    *,
    min_seed: int | None = None,
    connectivity: int = 4,
) -> Objects:
    from skimage.segmentation import watershed

    markers = _components(seeds, connectivity=connectivity, min_area=how.min_seed if min_seed is None else min_seed)
    return _finished(watershed(height, markers, mask=foreground, connectivity=1), probability, how)


def _finished(labels: np.ndarray, probability: np.ndarray, how: Decoding) -> Objects:
    """Drops small objects, fills holes, numbers the rest in raster order, and takes their confidences."""
    labels = _without_holes(labels)
    areas = np.bincount(labels.ravel())
    kept = areas >= how.min_area
    kept[0] = False
    present = labels.ravel()[np.flatnonzero(kept[labels.ravel()])]
    first = np.unique(present, return_index=True)
    order = first[0][np.argsort(first[1])]
    numbers = np.zeros(len(areas), np.int32)
    numbers[order] = np.arange(1, len(order) + 1)
    sums = np.bincount(labels.ravel(), weights=probability.ravel(), minlength=len(areas))
    return Objects(numbers[labels], (sums[order] / areas[order]).astype(np.float32))


def _without_holes(labels: np.ndarray) -> np.ndarray:
    """Background that a single object encloses becomes a part of it."""
    background = (labels == 0).astype(np.uint8)
    count, regions, _, _ = cv2.connectedComponentsWithStats(background, connectivity=4)
    if count <= 2:
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
