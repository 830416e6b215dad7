"""IoU and Dice of one pair of logits and target, pooled over everything that is passed in.

An average of these over batches depends on the batch size: for a data set use `metrics.SegmentationCounts`.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMOOTH = 1e-5  # keeps 0/0 (nothing there, nothing predicted) at 1


@torch.no_grad()
def iou_score(logits: Tensor, target: Tensor) -> float:
    """Hard intersection over union, (TP + s) / (TP + FP + FN + s), of the pixels with probability above 0.5.

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
    """Soft Dice coefficient, (2Σpy + s) / (Σp + Σy + s), with p = sigmoid(logits).

    Args:
        logits: [N, K, *space] float.
        target: the same shape, in [0, 1].
    """
    p, y = logits.float().sigmoid(), target.float()
    return ((2 * (p * y).sum() + SMOOTH) / (p.sum() + y.sum() + SMOOTH)).item()
