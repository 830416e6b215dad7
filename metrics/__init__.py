"""Metrics: `update(...)` adds counts, and `compute()` divides once. Two functions score a single pair of tensors."""

from metrics.calibration import Calibration
from metrics.confusion import ConfusionMatrix
from metrics.counts import Scores, SegmentationCounts
from metrics.dice import Dice
from metrics.instances import InstanceCounts
from metrics.label_doubts import KINDS, Doubt, label_doubts
from metrics.matching import Overlap, match_labels
from metrics.object_errors import ERRORS, ObjectErrors, object_errors
from metrics.scores import dice_coef, iou_score

__all__ = [
    "ERRORS",
    "KINDS",
    "Calibration",
    "ConfusionMatrix",
    "Dice",
    "Doubt",
    "InstanceCounts",
    "ObjectErrors",
    "Overlap",
    "Scores",
    "SegmentationCounts",
    "dice_coef",
    "iou_score",
    "label_doubts",
    "match_labels",
    "object_errors",
]
