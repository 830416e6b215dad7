"""Finds the tops of a height map that rise clearly above their surroundings."""

from __future__ import annotations

import cv2
import numpy as np

SQUARE = np.ones((3, 3), np.uint8)


def prominent_tops(height: np.ndarray, mask: np.ndarray, prominence: float) -> np.ndarray:
    """Returns the tops of a mask that rise by at least `prominence` above the pass to every higher top.

    These are the h-maxima of Soille 2003 ("Morphological Image Analysis", section 6.3.4), which are usually found by a
    reconstruction of the whole image. Here, the mask is flooded from all of its local maxima, and the passes between
    the floods say which of the maxima belong to a higher one, which is much faster. Of several equal tops with a
    shallow pass between them, the first is returned.

    Args:
        height: [H, W] float32.
        mask: [H, W] bool; what lies outside is lower than everything inside.
        prominence: in the units of the height, above 0.

    Returns:
        [H, W] bool: all pixels of each such top, which are equally high and 8-connected.
    """
    from skimage.segmentation import watershed

    height = np.where(mask, height, -np.inf).astype(np.float32)
    numbers = _local_maxima(height, mask)
    count = int(numbers.max(initial=0))
    if count < 2:
        return numbers > 0
    peaks = np.zeros(count + 1, np.float32)
    peaks[numbers] = height
    basins = watershed(-height, numbers, mask=mask, connectivity=SQUARE)
    kept = np.ones(count + 1, bool)
    kept[0] = False
    kept[_merged(peaks, *_passes(basins, height), prominence)] = False
    return kept[numbers]


def _local_maxima(height: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Numbers the 8-connected regions of equal height whose neighbours are all lower: [H, W] int32."""
    top = mask & (height >= cv2.dilate(height, SQUARE))
    _, numbers = cv2.connectedComponents(top.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    beside = cv2.dilate(np.where(top, np.float32(-np.inf), height), SQUARE)
    slope = numbers[top & (beside == height)]  # a part of a plateau that is higher at another end
    if not len(slope):
        return numbers
    whole = np.ones(numbers.max() + 1, bool)
    whole[slope] = whole[0] = False
    return np.where(whole, np.cumsum(whole), 0).astype(np.int32)[numbers]


def _passes(basins: np.ndarray, height: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the pairs of basins that touch, [N, 2], and the height of the pass between them, highest first."""
    pairs, heights = [], []
    for near, far in (
        (np.s_[1:], np.s_[:-1]),
        (np.s_[:, 1:], np.s_[:, :-1]),
        (np.s_[1:, 1:], np.s_[:-1, :-1]),
        (np.s_[1:, :-1], np.s_[:-1, 1:]),
    ):
        one, other = basins[near], basins[far]
        rows, columns = np.nonzero((one != other) & (one > 0) & (other > 0))
        pairs.append(np.stack([one[rows, columns], other[rows, columns]], axis=1))
        heights.append(np.minimum(height[near][rows, columns], height[far][rows, columns]))
    pairs, heights = np.sort(np.concatenate(pairs), axis=1).astype(np.int64), np.concatenate(heights)
    order = np.argsort(-heights, kind="stable")
    pairs, heights = pairs[order], heights[order]
    first = np.sort(np.unique(pairs[:, 0] * basins.size + pairs[:, 1], return_index=True)[1])
    return pairs[first], heights[first]


def _merged(peaks: np.ndarray, pairs: np.ndarray, heights: np.ndarray, prominence: float) -> list[int]:
    """Returns the basins that belong to a higher one: their top rises by less than `prominence` above the pass."""
    parent, peak, merged = list(range(len(peaks))), peaks.tolist(), []

    def root(basin: int) -> int:
        while parent[basin] != basin:
            parent[basin] = basin = parent[parent[basin]]
        return basin

    for (one, other), height in zip(pairs.tolist(), heights.tolist(), strict=True):
        low, high = sorted((root(one), root(other)), key=lambda basin: (peak[basin], -basin))
        if low != high and peak[low] - height < prominence:
            parent[low] = high
            merged.append(low)
    return merged
