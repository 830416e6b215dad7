"""The scores of a table. Each is a ratio of sums over images, so that it can be drawn anew for any set of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from inference.files.image_counts import ScoredImages
from metrics.instances import THRESHOLDS

Ratio = tuple[np.ndarray, np.ndarray]  # numerators and denominators of each image, [images, K] each


@dataclass(frozen=True)
class Column:
    """A score of a set of images: the mean over K of the sum of numerators / the sum of denominators.

    Attributes:
        title: the head of the column.
        ratio: the numerators and denominators of each image.
        of_objects: whether the score needs objects.
        empty: the score if a sum of denominators is 0.
        signed: whether the sign counts; without it the score is an absolute value.
    """

    title: str
    ratio: Callable[[ScoredImages], Ratio]
    of_objects: bool = False
    empty: float = 1.0
    signed: bool = True

    def fits(self, images: ScoredImages) -> bool:
        return images.objects is not None or not self.of_objects

    def score(self, ratio: Ratio, weights: np.ndarray) -> np.ndarray:
        """Returns the score of sets in which each image counts several times.

        Args:
            ratio: what `self.ratio` returns, [images, K].
            weights: how often each image counts, [..., images].

        Returns:
            [...] float64.
        """
        return self.of_sums(*(weights @ one for one in ratio))

    def of_sums(self, parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
        """Returns the score from sums over images: [..., K] each → [...]."""
        scores = np.where(wholes > 0, parts / np.where(wholes > 0, wholes, 1), self.empty).mean(axis=-1)
        return scores if self.signed else np.abs(scores)


def _pixel_iou(images: ScoredImages) -> Ratio:
    return images.pixels[..., 0].astype(float), images.pixels.sum(-1).astype(float)


def _pixel_dice(images: ScoredImages) -> Ratio:
    hits, union = _pixel_iou(images)
    return 2 * hits, union + hits


def _per_image(ratio: Callable[[ScoredImages], Ratio]) -> Callable[[ScoredImages], Ratio]:
    def mean(images: ScoredImages) -> Ratio:
        parts, wholes = ratio(images)
        scores = np.where(wholes > 0, parts / np.where(wholes > 0, wholes, 1), 1.0)
        return scores, np.ones_like(scores)

    return mean


def _table(images: ScoredImages, *values: Callable[[object], float]) -> list[np.ndarray]:
    """Returns [images, K] for each function of the counts of an image."""
    found = [np.array([value(one) for one in images.objects], float) for value in values]
    return [one.reshape(len(images.ids), -1) for one in found]


def _ap(thresholds: Sequence[int]) -> Callable[[ScoredImages], Ratio]:
    def ratio(images: ScoredImages) -> Ratio:
        hits, either = _table(images, lambda one: one.hits[thresholds], lambda one: one.true + one.predicted)
        return hits, either - hits

    return ratio


def _of_objects(part: Callable[[object], float], whole: Callable[[object], float]) -> Callable[[ScoredImages], Ratio]:
    return lambda images: tuple(_table(images, part, whole))


def by_area(low: float, high: float) -> Column:
    """Returns AP at .5 of the objects of at least `low` and below `high` pixels, see `InstanceCounts.by_area`.

    It is NaN for images without such an object.
    """

    def within(areas: np.ndarray) -> np.ndarray:
        return (areas >= low) & (areas < high)

    def either(one: object) -> int:
        return int(within(one.true_areas).sum() + within(one.areas[~one.matched]).sum())

    hits = lambda one: int((one.found & within(one.true_areas)).sum())
    return Column("AP .5", _of_objects(hits, either), of_objects=True, empty=np.nan)


_BOTH = lambda one: one.true + one.predicted
COLUMNS = {
    "iou": Column("IoU", _pixel_iou),
    "dice": Column("Dice", _pixel_dice),
    "iou_per_image": Column("IoU per image", _per_image(_pixel_iou)),
    "dice_per_image": Column("Dice per image", _per_image(_pixel_dice)),
    "ap_50": Column("AP .5", _ap([0]), of_objects=True),
    "ap_70": Column("AP .7", _ap([4]), of_objects=True),
    "ap_90": Column("AP .9", _ap([8]), of_objects=True),
    "ap": Column("AP .5–.95", _ap(list(range(len(THRESHOLDS)))), of_objects=True),
    "f1_50": Column("F1", _of_objects(lambda one: 2 * one.hits[0], _BOTH), of_objects=True),
    "pq": Column("PQ", _of_objects(lambda one: 2 * one.iou, _BOTH), of_objects=True),
    "aji": Column("AJI", _of_objects(lambda one: one.aji[0], lambda one: one.aji[1]), of_objects=True),
    "count_error": Column(
        "count error",
        _of_objects(lambda one: one.predicted - one.true, lambda one: one.true),
        of_objects=True,
        empty=0.0,
        signed=False,
    ),
}
