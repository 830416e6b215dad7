"""Compares two label maps: finds their objects, and counts the pixels that a true and a predicted object share.

A true and a predicted object match at a threshold t where their IoU is greater than t, as in the 2018 Data Science Bowl
(Caicedo et al. 2019, "Nucleus segmentation across imaging experiments"). Some libraries also match where it equals t.
For t ≥ 0.5 an object has at most one match, because objects of one map do not overlap, so nothing has to be assigned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Overlap:
    """Holds the objects of two label maps and the pixels that they share. Objects are numbered by rising id.

    Attributes:
        true_ids: [T] int64, the ids of the true objects, rising.
        true_areas: [T] int64, the areas of the true objects in pixels.
        ids: [P] int64, the ids of the predicted objects, rising.
        areas: [P] int64, the areas of the predicted objects in pixels.
        pairs: [N, 2] int64, the number in 0 … T − 1 of a true object and the number in 0 … P − 1 of a predicted object.
            Every two objects that share pixels are one pair; the pairs are sorted.
        shared: [N] int64, the number of pixels that each pair shares, at least 1.
    """

    true_ids: np.ndarray
    true_areas: np.ndarray
    ids: np.ndarray
    areas: np.ndarray
    pairs: np.ndarray
    shared: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """[N] float64 in (0, 1], the intersection over union of each pair."""
        united = self.true_areas[self.pairs[:, 0]] + self.areas[self.pairs[:, 1]] - self.shared
        return self.shared / united

    @property
    def true_inside(self) -> np.ndarray:
        """[N] bool, whether at least half of the true object of a pair lies in the predicted one."""
        return 2 * self.shared >= self.true_areas[self.pairs[:, 0]]

    @property
    def inside(self) -> np.ndarray:
        """[N] bool, whether at least half of the predicted object of a pair lies in the true one."""
        return 2 * self.shared >= self.areas[self.pairs[:, 1]]

    def matches(self, threshold: float) -> np.ndarray:
        """Returns the indices into `pairs` of the pairs whose IoU is greater than `threshold`, [matches] int64.

        Raises:
            ValueError: the threshold is below 0.5, where an object could have two matches, or it is 1 or more.
        """
        if not 0.5 <= threshold < 1:
            raise ValueError(f"threshold {threshold}: give one from 0.5, where matches are unique, to below 1")
        return np.flatnonzero(self.iou > threshold)

    def at(self, threshold: float) -> tuple[int, int, int]:
        """Counts the objects at one threshold.

        Returns:
            The number of matches (TP), of predicted objects without a match (FP), and of true objects without one (FN).

        Raises:
            ValueError: as in `matches`.
        """
        hits = len(self.matches(threshold))
        return hits, len(self.ids) - hits, len(self.true_ids) - hits


def match_labels(truth: np.ndarray, prediction: np.ndarray, *, void: np.ndarray | None = None) -> Overlap:
    """Finds the objects of two label maps and the pixels that they share. The result answers every threshold.

    Args:
        truth: [*space] of any integer dtype, ids from 0 to 2**31 − 1, where 0 is the background.
        prediction: [*space], the same; its dtype may differ.
        void: [*space] bool, pixels of unknown truth. They belong to no object. A predicted object that has more than
            half of its pixels there does not count, whatever it matches. Kirillov et al. 2019 leave out only those of
            them that have no match.

    Raises:
        ValueError: the shapes differ, or the maps do not hold such ids.
    """
    for name, labels in (("truth", truth), ("prediction", prediction)):
        if labels.dtype.kind not in "iu":
            raise ValueError(f"the {name} must be a label map of integers; got {labels.dtype}")
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < 2**31:
            raise ValueError(f"the {name} has ids from {labels.min()} to {labels.max()}; ids are 0 to 2**31-1")
    if truth.shape != prediction.shape or (void is not None and void.shape != truth.shape):
        shapes = [list(array.shape) for array in (truth, prediction, void) if array is not None]
        raise ValueError(f"truth, prediction and void must have one shape; got {shapes}")
    maps = (truth, prediction) if void is None else (truth, prediction, void)
    (true_of, of, *void_of), pixels = _runs(*maps)
    if void_of:
        hidden = void_of[0] > 0
        true_of, of = np.where(hidden, 0, true_of), _outside(of, hidden, pixels)
    true_ids, true_areas = _areas(true_of, pixels)
    ids, areas = _areas(of, pixels)
    both = (true_of > 0) & (of > 0)
    keys, shared = _sums(true_of[both] * 2**31 + of[both], pixels[both])  # one number for two ids
    first, second = np.divmod(keys, 2**31)
    pairs = np.stack([np.searchsorted(true_ids, first), np.searchsorted(ids, second)], axis=1)
    return Overlap(true_ids, true_areas, ids, areas, pairs, shared)


def _runs(*maps: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Cuts maps of one shape into runs of neighbouring pixels in which no map changes.

    A label map has about a tenth as many runs as pixels, so that all further steps are short.

    Returns:
        For every map its value in each run, [runs] int64; and the lengths of the runs, [runs] int64.
    """
    flat = [one.ravel() for one in maps]
    changes = np.zeros(flat[0].size, bool)
    changes[:1] = True  # the first pixel starts a run
    for one in flat:
        changes[1:] |= one[1:] != one[:-1]
    starts = np.flatnonzero(changes)
    return [one[starts].astype(np.int64) for one in flat], np.diff(starts, append=changes.size)


def _outside(of: np.ndarray, hidden: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Returns the predicted id of each run, with 0 in void runs and for objects that are void by more than half."""
    ids, areas = _areas(of, pixels)
    inside_ids, inside = _areas(of[hidden], pixels[hidden])
    lost = inside_ids[2 * inside > areas[np.searchsorted(ids, inside_ids)]]
    return np.where(hidden | np.isin(of, lost), 0, of)


def _areas(ids: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the ids of the objects, sorted, and their areas. Arguments are those of `_sums`; id 0 is no object."""
    different, sums = _sums(ids, pixels)
    return different[different > 0], sums[different > 0]


def _sums(ids: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Adds up the pixels of each id.

    Args:
        ids, pixels: [runs] int64; an id may stand there many times. All pixels are at least 1.

    Returns:
        The different ids, sorted, and the sum of each, [ids] int64 both.
    """
    if ids.max(initial=0) < 4 * len(ids):  # a table with one entry for each possible id is faster than sorting
        sums = np.bincount(ids, weights=pixels).astype(np.int64)
        different = np.flatnonzero(sums)
        return different, sums[different]
    different, number = np.unique(ids, return_inverse=True)
    return different, np.bincount(number, weights=pixels).astype(np.int64)
