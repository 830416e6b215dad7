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
from metrics.scores import dice_coef, iou_score

__all__ = [
    "IGNORE_INDEX",
    "ConfusionMatrix",
    "Dice",
    "Scores",
    "SegmentationCounts",
    "dice_coef",
    "dice_of_counts",
    "iou_of_counts",
    "iou_score",
    "precision_of_counts",
    "recall_of_counts",
    "scores_of_counts",
]
