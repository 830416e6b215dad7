"""Says how strongly a prediction contradicts the objects of a label map, to find labels that may be wrong.

The idea is that of confident learning (Northcutt, Jiang and Chuang 2021): where a model that has not seen an image is
sure, and its label says something else, the label is worth a look. Here every object is judged by the probabilities
over its pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from metrics.matching import Overlap, match_labels

# What each kind of `Doubt` says of the label.
KINDS = {
    "missing": "The models see a cell where the label has background.",
    "extra": "The label has a cell where the models see background.",
    "merged": "The label has one cell where the models see several.",
    "split": "The label has several cells where the models see one.",
    "shifted": "The label and the models see a cell with different outlines.",
}


@dataclass(frozen=True)
class Doubt:
    """An object whose label the prediction contradicts.

    Attributes:
        kind: a key of `KINDS`.
        score: in [0, 1]; how strongly. 1 is a certain contradiction in all pixels.
        labels: the ids of the labelled objects; none if the kind is "missing".
        box: (top, left, bottom, right) in pixels, the last two exclusive, of all objects that are concerned.
        area: their pixels.
    """

    kind: str
    score: float
    labels: tuple[int, ...]
    box: tuple[int, int, int, int]
    area: int


def label_doubts(
    labels: np.ndarray, prediction: np.ndarray, *, foreground: np.ndarray, depth: np.ndarray
) -> list[Doubt]:
    """Judges every object of an image, whether labelled or predicted.

    The scores of the kinds, where p is the probability of the foreground:

    - missing: the mean of p over the part of a predicted object that lies in the background of the label, times the
      share of this part, which is at least a half;
    - extra: the mean of 1 − p over a labelled object of which less than a half is predicted;
    - merged: the IoU of a labelled object and of all predicted ones that lie in it by at least a half, times how far
      the depth falls between them, 1 − saddle / peak;
    - split: the IoU of a predicted object and of all labelled ones that lie in it by at least a half, times how little
      the depth falls between them, saddle / peak;
    - shifted: for all other labelled objects 1 − (1 − m)³, where m is the mean of |p − label| over it and the predicted
      object that shares most of its pixels, without pixels of other labelled objects. The power makes it comparable
      with the other kinds: two outlines with an IoU of a half, which nobody would call a match, have m = 0.5.

    The saddle of several pieces is the highest depth along their common edges, or, if they do not touch, among the
    pixels between them. The peak is the lowest of the highest depths of the pieces.

    Args:
        labels: [H, W] of integers, the label map; 0 is the background.
        prediction: [H, W] of integers, the objects that were found.
        foreground: [H, W] float in [0, 1].
        depth: [H, W] float in [0, 1], high inside of single objects and low between them.

    Returns:
        A doubt for each labelled object, or for several that are "split", and for each predicted one that is missing;
        by falling score.

    Raises:
        ValueError: the shapes differ.
    """
    if not labels.shape == prediction.shape == foreground.shape == depth.shape:
        shapes = [list(one.shape) for one in (labels, prediction, foreground, depth)]
        raise ValueError(f"labels, prediction, foreground and depth must have one shape; got {shapes}")
    judge = _Judge(labels, prediction, foreground, depth, match_labels(labels, prediction))
    found = [*judge.split(), *judge.missing(), *judge.of_labels()]
    return sorted(found, key=lambda doubt: (-doubt.score, doubt.box))


@dataclass
class _Judge:
    labels: np.ndarray
    prediction: np.ndarray
    foreground: np.ndarray
    depth: np.ndarray
    overlap: Overlap

    def __post_init__(self) -> None:
        overlap = self.overlap
        self.true, self.found = overlap.pairs.T
        self.label_inside, self.found_inside = overlap.true_inside, overlap.inside
        self.label_boxes, self.found_boxes = _boxes(self.labels), _boxes(self.prediction)
        self.done: set[int] = set()  # labelled objects that have a doubt, by their numbers

    def split(self) -> Iterator[Doubt]:
        """Yields the predicted objects that hold most of each of two or more labelled ones."""
        for number in np.flatnonzero(np.bincount(self.found[self.label_inside], minlength=len(self.overlap.ids)) >= 2):
            parts = self.true[self.label_inside & (self.found == number)]
            self.done |= set(parts.tolist())
            ids, one = self.overlap.true_ids[parts], self.overlap.ids[number]
            box = _around([self.found_boxes[one], *(self.label_boxes[part] for part in ids)])
            here = _slice(box)
            pieces = np.where(np.isin(self.labels[here], ids), self.labels[here], 0)
            whole = self.prediction[here] == one
            saddle = _saddle(pieces, whole, self.depth[here])
            yield _doubt("split", _iou(pieces > 0, whole) * saddle, ids, box, (pieces > 0) | whole)

    def missing(self) -> Iterator[Doubt]:
        """Yields the predicted objects most of which is background in the label."""
        shared = np.bincount(self.found, weights=self.overlap.shared, minlength=len(self.overlap.ids))
        for number in np.flatnonzero(2 * shared <= self.overlap.areas):
            one = self.overlap.ids[number]
            here = _slice(box := self.found_boxes[one])
            whole = self.prediction[here] == one
            outside = whole & (self.labels[here] == 0)
            share = outside.sum() / whole.sum()
            yield _doubt("missing", share * self.foreground[here][outside].mean(), (), box, whole)

    def of_labels(self) -> Iterator[Doubt]:
        """Yields the labelled objects that no doubt is about yet."""
        for number, one in enumerate(self.overlap.true_ids):
            if number in self.done:
                continue
            pairs = np.flatnonzero(self.true == number)
            pieces = self.overlap.ids[self.found[pairs[self.found_inside[pairs]]]]
            if len(pieces) >= 2:
                yield self._merged(one, pieces)
            elif 2 * self.overlap.shared[pairs].sum() < self.overlap.true_areas[number]:
                here = _slice(box := self.label_boxes[one])
                whole = self.labels[here] == one
                yield _doubt("extra", 1 - self.foreground[here][whole].mean(), (one,), box, whole)
            else:
                yield self._shifted(one, self.overlap.ids[self.found[pairs[np.argmax(self.overlap.shared[pairs])]]])

    def _merged(self, one: int, pieces: np.ndarray) -> Doubt:
        box = _around([self.label_boxes[one], *(self.found_boxes[piece] for piece in pieces)])
        here = _slice(box)
        whole = self.labels[here] == one
        inside = np.where(np.isin(self.prediction[here], pieces), self.prediction[here], 0)
        fall = 1 - _saddle(inside, whole, self.depth[here])
        return _doubt("merged", _iou(whole, inside > 0) * fall, (one,), box, whole | (inside > 0))

    def _shifted(self, one: int, found: int) -> Doubt:
        here = _slice(box := _around([self.label_boxes[one], self.found_boxes[found]]))
        whole = self.labels[here] == one
        both = whole | ((self.prediction[here] == found) & (self.labels[here] == 0))
        wrong = np.abs(self.foreground[here][both] - whole[both]).mean()
        return _doubt("shifted", 1 - (1 - wrong) ** 3, (one,), box, both)


def _doubt(kind: str, score: float, ids: tuple[int, ...] | np.ndarray, box: tuple, pixels: np.ndarray) -> Doubt:
    return Doubt(kind, float(np.clip(score, 0, 1)), tuple(map(int, ids)), box, int(np.count_nonzero(pixels)))


def _boxes(labels: np.ndarray) -> dict[int, tuple[int, int, int, int]]:
    """Returns the box of each object by its id."""
    from skimage.measure import regionprops

    return {int(one.label): one.bbox for one in regionprops(labels)}


def _around(boxes: list[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    tops, lefts, bottoms, rights = zip(*boxes, strict=True)
    return min(tops), min(lefts), max(bottoms), max(rights)


def _slice(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    return slice(box[0], box[2]), slice(box[1], box[3])


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return np.count_nonzero(one & other) / max(1, np.count_nonzero(one | other))


def _saddle(pieces: np.ndarray, whole: np.ndarray, depth: np.ndarray) -> float:
    """Returns saddle / peak of several pieces, at most 1.

    Args:
        pieces: [h, w] of integers, their ids.
        whole: [h, w] bool, the object that they make up; its rest lies between pieces that do not touch.
    """
    edge = np.zeros(pieces.shape, bool)
    for near, far in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        meet = (pieces[near] != pieces[far]) & (pieces[near] > 0) & (pieces[far] > 0)
        edge[near] |= meet
        edge[far] |= meet
    if not edge.any():
        edge = whole & (pieces == 0)
    peak = min(depth[pieces == one].max() for one in np.unique(pieces[pieces > 0]))
    return min(1.0, float(depth[edge].max(initial=0.0)) / max(float(peak), 1e-6))
