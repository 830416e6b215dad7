"""Which predicted objects are which true ones: the overlap of two label maps.

A true and a predicted object match at a threshold t where their IoU is greater than t, as in the 2018 Data Science Bowl
(Caicedo et al. 2019, "Nucleus segmentation across imaging experiments"); some libraries also match at IoU = t. For
t ≥ 0.5 an object has at most one match, so that nothing has to be assigned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Overlap:
    """The objects of two label maps and the pixels that they share; objects are numbered in the order of their ids.

    Attributes:
        true_ids, true_areas: [T] int64, of every true object, in pixels.
        ids, areas: [P] int64, of every predicted object.
        pairs: [N, 2] int64, the numbers of a true and of a predicted object that share pixels.
        shared: [N] int64, those pixels.
    """

    true_ids: np.ndarray
    true_areas: np.ndarray
    ids: np.ndarray
    areas: np.ndarray
    pairs: np.ndarray
    shared: np.ndarray

    @property
    def iou(self) -> np.ndarray:
        """[N] float64, the intersection over union of each pair."""
        united = self.true_areas[self.pairs[:, 0]] + self.areas[self.pairs[:, 1]] - self.shared
        return self.shared / united

    def matches(self, threshold: float) -> np.ndarray:
        """The indices into `pairs` of those whose IoU is greater than `threshold`.

        Raises:
            ValueError: a threshold below 0.5, where an object could have two matches, or of 1 and above.
        """
        if not 0.5 <= threshold < 1:
            raise ValueError(f"threshold {threshold}: give one from 0.5, where matches are unique, to below 1")
        return np.flatnonzero(self.iou > threshold)

    def at(self, threshold: float) -> tuple[int, int, int]:
        """The objects that match at `threshold` (TP), predicted ones that do not (FP), and true ones that do not (FN).

        Raises:
            ValueError: as of `matches`.
        """
        hits = len(self.matches(threshold))
        return hits, len(self.ids) - hits, len(self.true_ids) - hits


def match_labels(truth: np.ndarray, prediction: np.ndarray, *, void: np.ndarray | None = None) -> Overlap:
    """The overlap of two label maps, which answers every threshold.

    Args:
        truth, prediction: [*space] of any integer dtype, ids from 0 to 2**31 − 1, where 0 is background.
        void: [*space] bool, pixels of unknown truth. They belong to no true object; a predicted object that lies in
            them by more than half does not count, and others keep their pixels outside.

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
    if void is not None and void.any():
        truth, prediction = np.where(void, 0, truth), _outside(prediction, void)
    width = int(prediction.max(initial=0)) + 1
    keys, pixels = _count(truth.astype(np.int64).ravel() * width + prediction.ravel())
    true_of, of = keys // width, keys % width
    true_ids, true_areas = _areas(true_of, pixels)
    ids, areas = _areas(of, pixels)
    both = (true_of > 0) & (of > 0)
    pairs = np.stack([np.searchsorted(true_ids, true_of[both]), np.searchsorted(ids, of[both])], axis=1)
    return Overlap(true_ids, true_areas, ids, areas, pairs, pixels[both])


def _outside(prediction: np.ndarray, void: np.ndarray) -> np.ndarray:
    """The prediction without void pixels, and without the objects that lie in them by more than half."""
    ids, areas = _areas(*_count(prediction.ravel()))
    inside_ids, inside = _areas(*_count(prediction[void]))
    hidden = np.zeros(len(ids), np.int64)
    hidden[np.searchsorted(ids, inside_ids)] = inside
    lost = ids[2 * hidden > areas]
    return np.where(void | np.isin(prediction, lost), 0, prediction)


def _count(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Different values, sorted, and how often each stands there. Runs of equal values are counted as one."""
    if not values.size:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    starts = np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])
    lengths = np.diff(starts, append=len(values))
    different, number = np.unique(values[starts].astype(np.int64), return_inverse=True)
    return different, np.bincount(number, weights=lengths).astype(np.int64)


def _areas(ids: np.ndarray, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ids that may stand several times, with pixels → the objects among them, sorted, and their pixels in all."""
    different, number = np.unique(ids, return_inverse=True)
    areas = np.bincount(number, weights=pixels, minlength=len(different)).astype(np.int64)
    return different[different > 0], areas[different > 0]
