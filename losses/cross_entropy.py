"""Cross-entropy for masks and for class indices. The keywords and the values are those of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from losses.rules import checked_weights
from losses.targets import (
    along_channels,
    check_class_indices,
    check_same_shape,
    full_precision,
    holds_class_indices,
    masks_of,
    per_channel,
)


def mean_over_pixels(losses: Tensor, void: Tensor | None) -> Tensor:
    """Returns the mean of [N, K, *space] over the pixels that are not void; 0 if all pixels are void."""
    if void is None:
        return losses.mean()
    valid = ~void.expand_as(losses)
    return losses.masked_fill(~valid, 0).sum() / valid.sum().clamp(min=1)


def mean_over_indices(losses: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int | None) -> Tensor:
    """Returns PyTorch's weighted mean of [N, *space]: divided by the sum of the weights of the pixels' classes.

    Args:
        losses: [N, *space], weighted already, and 0 at void pixels.
        target: class indices, of the same shape.
        weight: [K].

    Returns:
        The mean, a scalar. It is 0 if all pixels are void or of weight 0, where PyTorch returns NaN.
    """
    if ignore_index is None and weight is None:
        return losses.mean()
    valid = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    weights = valid if weight is None else weight[target.masked_fill(~valid, 0)].masked_fill(~valid, 0)
    whole = weights.sum().to(losses.dtype)
    mean = losses.sum() / whole.clamp(min=torch.finfo(losses.dtype).tiny)
    return torch.where(whole > 0, mean, 0 * losses.sum())  # label smoothing gives pixels of weight 0 a loss too


class BCEWithLogitsLoss(nn.Module):
    """The mean over all pixels and channels of the binary cross-entropy of each channel.

    Args:
        weight: a factor ≥ 0 for the loss of each channel. As in PyTorch, the mean is not divided by the factors' sum.
        pos_weight: a factor ≥ 0 for the loss of each channel's foreground pixels.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient.

    Call: logits [N, K, *space] float, target of the same shape in [0, 1] → scalar ≥ 0.
    """

    def __init__(
        self,
        *,
        weight: Sequence[float] | None = None,
        pos_weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        self.weight = checked_weights("weight", weight)
        self.pos_weight = checked_weights("pos_weight", pos_weight)
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        check_same_shape(logits, target)
        logits = full_precision(logits)
        y, void = masks_of(logits, target, self.ignore_index)
        factors = {
            name: along_channels(per_channel(numbers, name, logits), logits)
            for name, numbers in (("weight", self.weight), ("pos_weight", self.pos_weight))
            if numbers is not None
        }
        return mean_over_pixels(F.binary_cross_entropy_with_logits(logits, y, reduction="none", **factors), void)


class CrossEntropyLoss(nn.Module):
    """Cross-entropy of the softmax, computed by PyTorch.

    Args:
        weight: a factor ≥ 0 for the pixels of each class. The mean is divided by the sum of the pixels' factors.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient.
        label_smoothing: the share of each target that is spread over all classes, in [0, 1].

    Call: logits [N, K, *space] float, target [N, *space] int64 class indices → scalar ≥ 0.
    """

    def __init__(
        self,
        *,
        weight: Sequence[float] | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = checked_weights("weight", weight)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        if not holds_class_indices(logits, target):
            raise ValueError(
                f"CrossEntropyLoss needs class indices, int64 [N, *space] (task multiclass); got masks "
                f"{list(target.shape)}. For masks (tasks binary and multilabel) use BCEWithLogitsLoss"
            )
        check_class_indices(target, logits.shape[1], self.ignore_index)
        logits, target = full_precision(logits), target.long()
        weight = None if self.weight is None else per_channel(self.weight, "weight", logits)
        losses = F.cross_entropy(
            logits,
            target,
            weight=weight,
            ignore_index=-100 if self.ignore_index is None else self.ignore_index,
            label_smoothing=self.label_smoothing,
            reduction="none",
        )
        return mean_over_indices(losses, target, weight, self.ignore_index)
