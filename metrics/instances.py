"""Scores of objects: average precision, F1, panoptic quality, aggregated Jaccard index, and errors of the count.

A set has two kinds of scores: pooled scores, from counts that are added up and divided once, and means over its images.
The two kinds differ, because an image with many objects weighs more in the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import fsum, nan
from statistics import fmean

import numpy as np
import torch
from torch import Tensor

from metrics.aggregated_jaccard import aji_plus_terms, aji_terms
from metrics.matching import Overlap, match_labels

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))  # of the 2018 Data Science Bowl


@dataclass(frozen=True)
class ImageCounts:
    """Holds what one image adds to the scores of a set.

    Attributes:
        hits: [10] int64, the number of matches at each of `THRESHOLDS`.
        iou: the sum of the IoU of the matches at 0.5.
        aji: the intersection and the union of `aji_terms` in pixels.
        aji_plus: the intersection and the union of `aji_plus_terms` in pixels.
        true_areas: [T] int64, the area of each true object in pixels.
        found: [T] bool, whether the true object has a match at 0.5.
        areas: [P] int64, the area of each predicted object in pixels.
        matched: [P] bool, whether the predicted object has a match at 0.5.
    """

    hits: np.ndarray
    iou: float
    aji: tuple[int, int]
    aji_plus: tuple[int, int]
    true_areas: np.ndarray
    found: np.ndarray
    areas: np.ndarray
    matched: np.ndarray

    @property
    def true(self) -> int:
        """The number of true objects."""
        return len(self.true_areas)

    @property
    def predicted(self) -> int:
        """The number of predicted objects."""
        return len(self.areas)


def count_image(overlap: Overlap) -> ImageCounts:
    """Counts the objects of one image."""
    iou, matches = overlap.iou, overlap.matches(0.5)
    found, matched = np.zeros(len(overlap.true_ids), bool), np.zeros(len(overlap.ids), bool)
    found[overlap.pairs[matches, 0]] = matched[overlap.pairs[matches, 1]] = True
    return ImageCounts(
        hits=np.array([np.count_nonzero(iou > threshold) for threshold in THRESHOLDS], np.int64),
        iou=fsum(iou[matches].tolist()),
        aji=aji_terms(overlap),
        aji_plus=aji_plus_terms(overlap),
        true_areas=overlap.true_areas,
        found=found,
        areas=overlap.areas,
        matched=matched,
    )


class InstanceCounts:
    """Adds up the objects of a set, image by image, and divides once.

    True and predicted objects match at a threshold t where their IoU is greater than t, see `metrics.match_labels`. An
    image without a true object scores 1 if nothing is predicted there, and 0 if something is.

    Attributes:
        images: the counts of each image, in the order of the updates.
    """

    def __init__(self) -> None:
        self.images: list[ImageCounts] = []

    def update(self, truth: np.ndarray, prediction: np.ndarray, *, void: np.ndarray | None = None) -> None:
        """Adds an image. Arguments and errors are those of `metrics.match_labels`."""
        self.add(match_labels(truth, prediction, void=void))

    def add(self, overlap: Overlap) -> None:
        """Adds an image whose objects are compared already."""
        self.images.append(count_image(overlap))

    def state_dict(self) -> dict[str, Tensor]:
        """Returns what was added so far, for a checkpoint or for another process.

        The first dimension of each tensor runs over the images or over their objects. So the tensors of two states,
        put one after the other, are the state of the images of both.
        """
        state = {
            "objects": np.array([(image.true, image.predicted) for image in self.images], np.int64).reshape(-1, 2),
            "hits": np.array([image.hits for image in self.images], np.int64).reshape(-1, len(THRESHOLDS)),
            "iou": np.array([image.iou for image in self.images], np.float64),
            "aji": np.array([image.aji for image in self.images], np.int64).reshape(-1, 2),
            "aji_plus": np.array([image.aji_plus for image in self.images], np.int64).reshape(-1, 2),
            "true_areas": self._of_all("true_areas", np.int64),
            "found": self._of_all("found", bool),
            "areas": self._of_all("areas", np.int64),
            "matched": self._of_all("matched", bool),
        }
        return {name: torch.from_numpy(array) for name, array in state.items()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Replaces what was added so far by what `state_dict` returned."""
        arrays = {name: tensor.cpu().numpy() for name, tensor in state.items()}
        true_ends, ends = np.cumsum(arrays["objects"], axis=0).T
        true_areas, found = (np.split(arrays[name], true_ends) for name in ("true_areas", "found"))
        areas, matched = (np.split(arrays[name], ends) for name in ("areas", "matched"))
        self.images = [
            ImageCounts(
                hits=arrays["hits"][k],
                iou=float(arrays["iou"][k]),
                aji=tuple(arrays["aji"][k].tolist()),
                aji_plus=tuple(arrays["aji_plus"][k].tolist()),
                true_areas=true_areas[k],
                found=found[k],
                areas=areas[k],
                matched=matched[k],
            )
            for k in range(len(arrays["iou"]))
        ]

    def compute(self) -> dict[str, float]:
        """Returns name → score of the set; `metrics.definitions` says what each score is, and where it comes from.

        Scores are in [0, 1], but `true_objects`, `predicted_objects`, `count_error` and `count_error_per_image` are at
        least 0, and `count_bias` is at least −1. Without a true object `count_bias` and `count_error` are 1 if
        something is predicted, and 0 if nothing is.

        Raises:
            ValueError: no image was added.
        """
        if not self.images:
            raise ValueError("no image was added, there is nothing to score")
        scores, tables = _scores(self.images), self.table()
        for name in ("ap_50", "f1_50", "pq", "aji", "aji_plus"):
            scores[f"{name}_per_image"] = fmean(table[name] for table in tables)
        scores["bowl"] = fmean(table["ap"] for table in tables)
        errors = [table["count_error"] for table in tables if table["true_objects"]]
        return scores | {"count_error_per_image": fmean(errors) if errors else 0.0}

    def table(self) -> list[dict[str, float]]:
        """Returns the scores of each image, in the order of the updates.

        They are those of `compute` for a set of this one image, without the means over images.
        """
        return [_scores([image]) for image in self.images]

    def by_area(self, limits: Sequence[float]) -> dict[str, dict[str, float]]:
        """Returns the scores of small and of large objects, pooled over the set: name of a size class → name → score.

        TP and FN of a class are the true objects of this class with and without a match at 0.5. FP are the predicted
        objects without a match whose own area lies in the class. A predicted object with a match counts in the class of
        its true object, whatever its own area is. COCO's evaluation by area does the same (Lin et al. 2014).

        - `true_objects`: the number of true objects in the class, TP + FN.
        - `recall_50`: TP / (TP + FN); NaN if the class has no true object.
        - `ap_50`: TP / (TP + FP + FN); NaN if all three are 0.

        Args:
            limits: the areas in pixels that separate the classes, rising. Areas outside void pixels are compared. An
                object whose area equals a limit is in the class above it.

        Raises:
            ValueError: there is no limit, or the limits do not rise.
        """
        if not len(limits) or any(low >= high for low, high in pairwise(limits)):
            raise ValueError(f"limits are {list(limits)}: give at least one area in pixels, each larger than the last")
        found, matched = self._of_all("found", bool), self._of_all("matched", bool)
        true_class = np.digitize(self._of_all("true_areas", np.int64), limits)
        false_class = np.digitize(self._of_all("areas", np.int64)[~matched], limits)
        names = [f"< {limits[0]:g}", *(f"{a:g} – {b:g}" for a, b in pairwise(limits)), f"≥ {limits[-1]:g}"]
        classes = {}
        for number, name in enumerate(names):
            true = int(np.count_nonzero(true_class == number))
            hits = int(np.count_nonzero(found & (true_class == number)))
            either = true + int(np.count_nonzero(false_class == number))
            recall, ap = hits / true if true else nan, hits / either if either else nan
            classes[name] = {"true_objects": true, "recall_50": recall, "ap_50": ap}
        return classes

    def _of_all(self, name: str, dtype: type) -> np.ndarray:
        """Returns an attribute of `ImageCounts` that has a value for each object, of all images: [objects]."""
        return np.concatenate([np.zeros(0, dtype), *(getattr(image, name) for image in self.images)])


def _scores(images: Sequence[ImageCounts]) -> dict[str, float]:
    """Returns the pooled scores of images by name, see `InstanceCounts.compute`."""
    hits = np.sum([image.hits for image in images], axis=0).tolist()
    true, predicted = sum(image.true for image in images), sum(image.predicted for image in images)
    empty = true + predicted == 0
    percent = [round(100 * threshold) for threshold in THRESHOLDS]
    ap = {f"ap_{t}": _share(tp, true + predicted - tp) for t, tp in zip(percent, hits, strict=True)}
    f1 = {f"f1_{t}": _share(2 * tp, true + predicted) for t, tp in zip(percent, hits, strict=True)}
    tp = hits[0]
    sq = fsum(image.iou for image in images) / tp if tp else float(empty)
    bias = (predicted - true) / true if true else float(predicted > 0)
    return {
        "ap": fmean(ap.values()),
        **ap,
        **f1,
        "precision_50": _share(tp, predicted) if predicted else float(empty),
        "recall_50": _share(tp, true) if true else float(empty),
        "pq": sq * f1["f1_50"],
        "sq": sq,
        "dq": f1["f1_50"],
        "aji": _share(*np.sum([image.aji for image in images], axis=0).tolist()),
        "aji_plus": _share(*np.sum([image.aji_plus for image in images], axis=0).tolist()),
        "true_objects": true,
        "predicted_objects": predicted,
        "count_error": abs(bias),
        "count_bias": bias,
    }


def _share(part: float, whole: float) -> float:
    """Returns part / whole, or 1 if both are 0: nothing was to be found, and nothing was found."""
    return part / whole if whole else 1.0
