"""Scores of objects: average precision, F1, panoptic quality, aggregated Jaccard index, counts.

Scores are pooled over a set, from counts that are divided once, and given as the mean over its images too. The two
differ, because an image with many objects weighs more in the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from metrics.matching import Overlap, match_labels

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of the 2018 Data Science Bowl


@dataclass(frozen=True)
class ImageCounts:
    """What one image adds to the scores of a set.

    Attributes:
        hits: [10] int64, matches at each of `THRESHOLDS`.
        true, predicted: objects.
        iou: sum of the IoU of the matches at 0.5.
        aji, aji_plus: (intersection, union) in pixels, see `aji_terms` and `aji_plus_terms`.
        true_areas: [true] int64, in pixels.
        found: [true] bool, whether the object has a match at 0.5.
    """

    hits: np.ndarray
    true: int
    predicted: int
    iou: float
    aji: tuple[int, int]
    aji_plus: tuple[int, int]
    true_areas: np.ndarray
    found: np.ndarray


def count_image(overlap: Overlap) -> ImageCounts:
    """The counts of one image."""
    iou = overlap.iou
    matched = overlap.matches(0.5)
    found = np.zeros(len(overlap.true_ids), bool)
    found[overlap.pairs[matched, 0]] = True
    return ImageCounts(
        hits=np.array([np.count_nonzero(iou > threshold) for threshold in THRESHOLDS], np.int64),
        true=len(overlap.true_ids),
        predicted=len(overlap.ids),
        iou=float(iou[matched].sum()),
        aji=aji_terms(overlap),
        aji_plus=aji_plus_terms(overlap),
        true_areas=overlap.true_areas,
        found=found,
    )


def aji_terms(overlap: Overlap) -> tuple[int, int]:
    """Intersection and union of the aggregated Jaccard index (Kumar et al. 2017, Algorithm 1).

    Each true object takes the predicted one with the largest IoU, which others may take too; predicted objects that
    nobody takes are added to the union.
    """
    order = np.lexsort((-overlap.iou, overlap.pairs[:, 0]))
    first = order[np.unique(overlap.pairs[order, 0], return_index=True)[1]]
    return _aggregated(overlap, first)


def aji_plus_terms(overlap: Overlap) -> tuple[int, int]:
    """The same with partners that are one to one and have the largest total IoU (Graham et al. 2019)."""
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    true, iou = len(overlap.true_ids), overlap.iou
    rows, columns = overlap.pairs[:, 0], overlap.pairs[:, 1]
    size = true + len(overlap.ids)
    groups = connected_components(coo_array((np.ones(len(rows)), (rows, true + columns)), shape=(size, size)))[1]
    chosen = []
    order = np.argsort(groups[rows], kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(groups[rows][order])) + 1) if len(order) else ():
        if len(members) == 1:
            chosen.append(members[0])
            continue
        own_rows, row = np.unique(rows[members], return_inverse=True)
        own_columns, column = np.unique(columns[members], return_inverse=True)
        table = np.zeros((len(own_rows), len(own_columns)))
        table[row, column] = iou[members]
        number = dict(zip(zip(row.tolist(), column.tolist(), strict=True), members.tolist(), strict=True))
        pairs = zip(*(found.tolist() for found in linear_sum_assignment(table, maximize=True)), strict=True)
        chosen += [number[pair] for pair in pairs if pair in number]
    return _aggregated(overlap, np.array(chosen, np.int64))


def _aggregated(overlap: Overlap, chosen: np.ndarray) -> tuple[int, int]:
    """Sums over the chosen pairs, and over the objects without a partner."""
    rows, columns = overlap.pairs[chosen, 0], overlap.pairs[chosen, 1]
    shared = int(overlap.shared[chosen].sum())
    united = int(overlap.true_areas[rows].sum() + overlap.areas[columns].sum()) - shared
    alone = np.ones(len(overlap.true_ids), bool), np.ones(len(overlap.ids), bool)
    alone[0][rows], alone[1][columns] = False, False
    return shared, united + int(overlap.true_areas[alone[0]].sum() + overlap.areas[alone[1]].sum())


class InstanceCounts:
    """Adds up the objects of a set, image by image, and divides once.

    An image without a true object scores 1 where nothing is predicted, and 0 where something is.
    """

    def __init__(self) -> None:
        self.images: list[ImageCounts] = []

    def update(self, truth: np.ndarray, prediction: np.ndarray, *, void: np.ndarray | None = None) -> None:
        """Adds an image; arguments as of `metrics.match_labels`."""
        self.images.append(count_image(match_labels(truth, prediction, void=void)))

    def compute(self) -> dict[str, float]:
        """Name → score of the set, pooled; `…_per_image` is the mean over the images.

        `ap_50` … `ap_95` are TP / (TP + FP + FN) at each threshold, `ap` is their mean, `f1_50` … are
        2TP / (2TP + FP + FN); `precision_50`, `recall_50`; `pq` = `sq` · `dq` at 0.5; `aji`, `aji_plus`. `bowl` is the
        mean over images of `ap`. `count_error` is |predicted − true| / true over the set, `count_bias` the same with
        its sign, and `count_error_per_image` the mean over the images that have objects.

        Raises:
            ValueError: no image was added.
        """
        if not self.images:
            raise ValueError("no image was added, there is nothing to score")
        scores = _scores(self.images)
        tables = [_scores([image]) for image in self.images]
        counted = [table for table, image in zip(tables, self.images, strict=True) if image.true]
        scores |= {
            f"{name}_per_image": float(np.mean([table[name] for table in tables]))
            for name in ("ap_50", "f1_50", "pq", "aji", "aji_plus")
        }
        scores["bowl"] = float(np.mean([table["ap"] for table in tables]))
        errors = [table["count_error"] for table in counted]
        return scores | {"count_error_per_image": float(np.mean(errors)) if errors else 0.0}

    def table(self) -> list[dict[str, float]]:
        """The scores of each image, in the order of the updates."""
        return [_scores([image]) for image in self.images]

    def recall_by_area(self, limits: Sequence[float]) -> Mapping[str, tuple[int, float]]:
        """Size class of true objects → how many there are, and the share that has a match at 0.5.

        Args:
            limits: areas in pixels between the classes, rising.
        """
        areas = np.concatenate([image.true_areas for image in self.images] or [np.zeros(0, np.int64)])
        found = np.concatenate([image.found for image in self.images] or [np.zeros(0, bool)])
        number = np.digitize(areas, limits)
        names = [f"< {limits[0]:g}", *(f"{a:g} – {b:g}" for a, b in pairwise(limits))]
        names.append(f"≥ {limits[-1]:g}")
        return {
            name: (int((number == k).sum()), float(found[number == k].mean()) if (number == k).any() else float("nan"))
            for k, name in enumerate(names)
        }


def _scores(images: Sequence[ImageCounts]) -> dict[str, float]:
    hits = np.sum([image.hits for image in images], axis=0)
    true, predicted = (sum(getattr(image, name) for image in images) for name in ("true", "predicted"))
    ap = [_share(tp, true + predicted - tp) for tp in hits.tolist()]
    scores = {f"ap_{round(100 * t)}": value for t, value in zip(THRESHOLDS, ap, strict=True)}
    scores |= {
        f"f1_{round(100 * t)}": _share(2 * tp, true + predicted)
        for t, tp in zip(THRESHOLDS, hits.tolist(), strict=True)
    }
    tp = int(hits[0])
    empty = true + predicted == 0
    dq, sq = _share(2 * tp, true + predicted), sum(image.iou for image in images) / tp if tp else float(empty)
    aji, aji_plus = ([sum(getattr(image, name)[k] for image in images) for k in (0, 1)] for name in ("aji", "aji_plus"))
    bias = (predicted - true) / true if true else float(predicted > 0)
    return {
        "ap": float(np.mean(ap)),
        **scores,
        "precision_50": _share(tp, predicted) if predicted else float(empty),
        "recall_50": _share(tp, true) if true else float(empty),
        "pq": dq * sq,
        "sq": sq,
        "dq": dq,
        "aji": _share(*aji),
        "aji_plus": _share(*aji_plus),
        "true_objects": true,
        "predicted_objects": predicted,
        "count_error": abs(bias),
        "count_bias": bias,
    }


def _share(part: float, whole: float) -> float:
    """part / whole; 1 where both are 0: nothing was to be found and nothing was."""
    return part / whole if whole else 1.0
