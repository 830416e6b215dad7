"""Focal loss: Lin et al. 2017, "Focal loss for dense object detection" (ICCV)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.cross_entropy import mean_over_indices, mean_over_pixels
from losses.rules import check_only_masks, checked_weights
from losses.targets import (
    along_channels,
    check_class_indices,
    full_precision,
    holds_class_indices,
    masks_of,
    per_channel,
)


class FocalLoss(nn.Module):
    """Cross-entropy times (1 − p_t)^γ, where p_t is the probability of the truth, so that easy pixels count less.

    Class indices mean softmax, and masks mean sigmoid for each channel. With γ = 0 it is `CrossEntropyLoss` or
    `BCEWithLogitsLoss`, and with any γ it takes the same mean over pixels as that loss.

    Args:
        gamma: γ; 2 is the paper's choice.
        alpha: α, for masks only. Foreground pixels count α, and the others 1 − α. The paper's choice is 0.25.
        weight: a factor ≥ 0 for the loss of each class.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient.

    Call: logits [N, K, *space] float; target, masks [N, K, *space] in [0, 1] or class indices [N, *space] int64 →
    scalar ≥ 0.
    """

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | None = None,
        weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if alpha is not None and not 0 <= alpha <= 1:
            raise ValueError(f"alpha must be a number from 0 to 1; got {alpha}")
        self.gamma, self.alpha = gamma, alpha
        self.weight = checked_weights("weight", weight)
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = full_precision(logits)
        weight = None if self.weight is None else per_channel(self.weight, "weight", logits)
        indices = holds_class_indices(logits, target)
        return (self._of_indices if indices else self._of_masks)(logits, target, weight)

    def _of_masks(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        y, void = masks_of(logits, target, self.ignore_index)
        p = logits.sigmoid()
        cross_entropy = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
        losses = self._focused(cross_entropy, p * (1 - y) + (1 - p) * y)
        if self.alpha is not None:
            losses = losses * (self.alpha * y + (1 - self.alpha) * (1 - y))
        if weight is not None:
            losses = losses * along_channels(weight, logits)
        return mean_over_pixels(losses, void)

    def _of_indices(self, logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
        check_only_masks("alpha", self.alpha, "indices")
        check_class_indices(target, logits.shape[1], self.ignore_index)
        target = target.long()
        ignored = -100 if self.ignore_index is None else self.ignore_index
        cross_entropy = F.cross_entropy(logits, target, ignore_index=ignored, reduction="none")  # −log p_t
        losses = self._focused(cross_entropy, -torch.expm1(-cross_entropy))
        if weight is not None:
            classes = target if self.ignore_index is None else target.masked_fill(target == self.ignore_index, 0)
            losses = losses * weight[classes]
        return mean_over_indices(losses, target, weight, self.ignore_index)

    def _focused(self, cross_entropy: Tensor, miss: Tensor) -> Tensor:
        """Computes the focal loss of each pixel from its cross-entropy and 1 − p_t, all of the same shape."""
        # The clamp keeps the power's slope finite for γ < 1 where p_t is 1.
        return cross_entropy * miss.clamp(min=torch.finfo(miss.dtype).tiny).pow(self.gamma)
