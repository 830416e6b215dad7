"""Says what is wrong with the objects of an image: which are missed, extra, merged or split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from metrics.matching import Overlap

# What each number of `ObjectErrors.counts` is.
ERRORS = {
    "missed": "True cells without a predicted cell at an IoU above 0.5 (FN).",
    "extra": "Predicted cells without a true cell at an IoU above 0.5 (FP).",
    "merged": "Predicted cells that cover at least half of each of two or more true cells.",
    "split": "True cells that contain at least half of each of two or more predicted cells.",
}


@dataclass(frozen=True)
class ObjectErrors:
    """Holds the errors of one image. Objects are numbered as in its `Overlap`.

    A merge or a split is the reason for cells that are missed or extra. So the same cell may have several errors.

    Attributes:
        missed: [T] bool, the true objects without a match at an IoU above 0.5.
        extra: [P] bool, the predicted objects without a match at an IoU above 0.5.
        merged: [P] bool, the predicted objects that cover at least half of the area of two or more true ones.
        split: [T] bool, the true objects that contain at least half of the area of two or more predicted ones.
    """

    missed: np.ndarray
    extra: np.ndarray
    merged: np.ndarray
    split: np.ndarray

    def counts(self) -> dict[str, int]:
        """Returns the number of objects with each error, by the names of `ERRORS`."""
        return {name: int(np.count_nonzero(getattr(self, name))) for name in ERRORS}


def object_errors(overlap: Overlap) -> ObjectErrors:
    """Finds the errors of one image."""
    true, predicted = overlap.pairs.T
    missed, extra = np.ones(len(overlap.true_ids), bool), np.ones(len(overlap.ids), bool)
    matches = overlap.matches(0.5)
    missed[true[matches]] = extra[predicted[matches]] = False
    return ObjectErrors(
        missed=missed,
        extra=extra,
        merged=np.bincount(predicted[overlap.true_inside], minlength=len(extra)) >= 2,
        split=np.bincount(true[overlap.inside], minlength=len(missed)) >= 2,
    )
