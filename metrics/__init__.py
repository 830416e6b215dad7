"""Metrics: `update(...)` adds counts, and `compute()` divides once. Two functions score a single pair of tensors."""

from metrics.confusion import ConfusionMatrix
from metrics.counts import Scores, SegmentationCounts
from metrics.dice import Dice
from metrics.scores import dice_coef, iou_score

__all__ = ["ConfusionMatrix", "Dice", "Scores", "SegmentationCounts", "dice_coef", "iou_score"]
