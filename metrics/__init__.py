"""Metrics: `update(...)` adds integer counts, `compute()` divides once; and two functions for a single look."""

from metrics.counts import Scores, SegmentationCounts, dice_of_counts, iou_of_counts
from metrics.scores import dice_coef, iou_score

__all__ = ["Scores", "SegmentationCounts", "dice_coef", "dice_of_counts", "iou_of_counts", "iou_score"]
