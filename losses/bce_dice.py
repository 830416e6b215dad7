"""The sum of binary cross-entropy and a Dice loss."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from losses.targets import check_same_shape, full_precision


class BCEDiceLoss(nn.Module):
    """bce_weight · BCE + mean over images of 1 − (2Σpy + s) / (Σp + Σy + s), with p = sigmoid(logits).

    The sums of the Dice term run over all channels and pixels of one image, as published with the UNet++ recipes.

    Args:
        bce_weight: the factor of the cross-entropy. Published checkpoints of this family were trained with 0.5.
        smooth: s. If it is small, an image without foreground gets nearly no gradient from the Dice term.

    Call: logits [N, K, *space] float, target of the same shape in [0, 1] → scalar ≥ 0.
    """

    def __init__(self, bce_weight: float = 0.5, smooth: float = 1e-5) -> None:
        super().__init__()
        self.bce_weight = bce_weight
        self.smooth = smooth

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        check_same_shape(logits, target)
        logits = full_precision(logits)
        target = target.to(logits.dtype)
        cross_entropy = F.binary_cross_entropy_with_logits(logits, target)
        p, y = logits.sigmoid().flatten(1), target.flatten(1)
        overlap = 2 * (p * y).sum(1) + self.smooth
        dice = overlap / (p.sum(1) + y.sum(1) + self.smooth)
        return self.bce_weight * cross_entropy + (1 - dice).mean()
