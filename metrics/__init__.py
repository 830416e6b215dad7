"""Metrics: `update(...)` adds counts, and `compute()` divides once. Two functions score a single pair of tensors."""

from metrics.confusion import ConfusionMatrix
from metrics.counts import (
    IGNORE_INDEX,
    Scores,
    SegmentationCounts,
    dice_of_counts,
    iou_of_counts,
    precision_of_counts,
    recall_of_counts,
    scores_of_counts,
)
from metrics.dice import Dice
from metrics.instances import InstanceCounts
from metrics.matching import Overlap, match_labels
from metrics.scores import dice_coef, iou_score

__all__ = [
    "IGNORE_INDEX",
    "ConfusionMatrix",
    "Dice",
    "InstanceCounts",
    "Overlap",
    "Scores",
    "SegmentationCounts",
    "dice_coef",
    "dice_of_counts",
    "iou_of_counts",
    "iou_score",
    "match_labels",
    "precision_of_counts",
    "recall_of_counts",
    "scores_of_counts",
]
