"""Metrics: `update(...)` adds counts, and `compute()` divides once. Two functions score a single pair of tensors."""

from metrics.confusion import ConfusionMatrix
from metrics.counts import Scores, SegmentationCounts
from metrics.dice import Dice
from metrics.instances import InstanceCounts
from metrics.matching import Overlap, match_labels
from metrics.scores import dice_coef, iou_score

__all__ = [
    "ConfusionMatrix",
    "Dice",
    "InstanceCounts",
    "Overlap",
    "Scores",
    "SegmentationCounts",
    "dice_coef",
    "iou_score",
    "match_labels",
]
