"""IoU and Dice of one pair of logits and target, pooled over everything that is passed in.

An average of these scores over batches depends on the batch size. For a data set use `metrics.SegmentationCounts`.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMOOTH = 1e-5  # makes 0/0 equal 1: there was nothing to find and nothing was predicted


@torch.no_grad()
def iou_score(logits: Tensor, target: Tensor) -> float:
    """Returns the hard intersection over union, (TP + s) / (TP + FP + FN + s).

    The predicted pixels are those with a probability above 0.5.

    Args:
        logits: [N, K, *space] float.
        target: the same shape, {0, 1}.
    """
    prediction, truth = logits > 0, target > 0.5
    intersection = (prediction & truth).sum().item()
    union = (prediction | truth).sum().item()
    return (intersection + SMOOTH) / (union + SMOOTH)


@torch.no_grad()
def dice_coef(logits: Tensor, target: Tensor) -> float:
    """Returns the soft Dice coefficient, (2Σpy + s) / (Σp + Σy + s), with p = sigmoid(logits).

    Args:
        logits: [N, K, *space] float.
        target: the same shape, in [0, 1].
    """
    p, y = logits.float().sigmoid(), target.float()
    return ((2 * (p * y).sum() + SMOOTH) / (p.sum() + y.sum() + SMOOTH)).item()
