"""What the Dice and Tversky losses share: which pixels and classes count, what is summed, what is averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from losses.targets import (
    checked_weight,
    full_precision,
    holds_class_indices,
    masks_of,
    per_channel,
    select_channels,
)

Activation = Literal["auto", "sigmoid", "softmax", "none"]
Smooth = float | Sequence[float]


class OverlapLoss(nn.Module):
    """Base of the losses that compare Σpy with Σp and Σy, for probabilities p and masks y.

    Subclasses give `loss_of_sums`.

    Args:
        smooth: keeps the quotient defined, and its gradient alive, where there is nothing; one number or one per class.
        per_image: sums over each image by itself; if false they are pooled over the batch.
        per_class: sums over each class by itself; if false they are pooled over the classes.
        activation: what turns logits into p. auto: softmax for a target of class indices, sigmoid for one of masks.
            none: the input holds probabilities already, as in published examples.
        weight: a factor for the loss of each class, 0 allowed. The mean is taken over all K classes, as published,
            not divided by the sum of the weights.
        include_background: if false, channel 0 is left out.
        ignore_class: a channel that is left out.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient.
        reduction: mean over images and classes; sum; or none, which returns the table [N or 1, classes or 1].

    Call: logits [N, K, *space] float; target, masks [N, K, *space] in [0, 1] or class indices [N, *space] int64 →
    scalar, computed in float32 at least.
    """

    def __init__(
        self,
        *,
        smooth: Smooth = 1.0,
        per_image: bool = False,
        per_class: bool = True,
        activation: Activation = "auto",
        weight: Sequence[float] | None = None,
        include_background: bool = True,
        ignore_class: int | None = None,
        ignore_index: int | None = None,
        reduction: Literal["mean", "sum", "none"] = "mean",
    ) -> None:
        super().__init__()
        if not per_class and (weight is not None or not isinstance(smooth, (int, float))):
            raise ValueError("weights or smoothing of each class need per_class=True: pooled, the classes are one")
        if activation not in ("auto", "sigmoid", "softmax", "none"):
            raise ValueError(f"activation {activation!r} is unknown; allowed are auto, sigmoid, softmax, none")
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f"reduction {reduction!r} is unknown; allowed are mean, sum, none")
        self.smooth = smooth if isinstance(smooth, (int, float)) else tuple(smooth)
        self.per_image, self.per_class = per_image, per_class
        self.activation = activation
        self.weight = checked_weight(weight)
        self.include_background, self.ignore_class = include_background, ignore_class
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.power = 1.0  # of p and y in Σp and Σy

    def loss_of_sums(self, py: Tensor, p: Tensor, y: Tensor, *, smooth: Tensor, images: int) -> Tensor:
        """Σpy, Σp, Σy, each [rows, classes], and the smoothing [classes] → the losses [rows, classes]."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = full_precision(logits)
        p = self._probabilities(logits, indices=holds_class_indices(logits, target))
        y, void = masks_of(logits, target, self.ignore_index)
        if void is not None:
            p = p.masked_fill(void, 0)
        smooth = per_channel(self.smooth, "smooth", logits)
        weight = None if self.weight is None else per_channel(self.weight, "weight", logits)
        kept = self._kept_channels(logits.shape[1])
        if len(kept) < logits.shape[1]:
            p, y = (select_channels(values, kept, axis=1) for values in (p, y))
            smooth = select_channels(smooth, kept, axis=0)
            weight = None if weight is None else select_channels(weight, kept, axis=0)
        axes = [axis for axis, pooled in ((0, not self.per_image), (1, not self.per_class), (2, True)) if pooled]
        p, y = p.reshape(*p.shape[:2], -1), y.reshape(*y.shape[:2], -1)
        py, p, y = (values.sum(axes, keepdim=True).squeeze(2) for values in (p * y, self._powered(p), self._powered(y)))
        losses = self.loss_of_sums(py, p, y, smooth=smooth if self.per_class else smooth[:1], images=len(logits))
        if weight is not None:
            losses = losses * weight
        return {"mean": losses.mean, "sum": losses.sum, "none": lambda: losses}[self.reduction]()

    def _probabilities(self, logits: Tensor, *, indices: bool) -> Tensor:
        activation = self.activation
        if activation == "auto":
            activation = "softmax" if indices else "sigmoid"
        if activation == "softmax" and logits.shape[1] < 2:
            raise ValueError("softmax of one channel is 1 everywhere; use activation sigmoid, or a channel per class")
        return {"sigmoid": logits.sigmoid, "softmax": lambda: logits.softmax(1), "none": lambda: logits}[activation]()

    def _kept_channels(self, channels: int) -> list[int]:
        left_out = {self.ignore_class} if self.include_background else {self.ignore_class, 0}
        kept = [channel for channel in range(channels) if channel not in left_out]
        if not kept:
            raise ValueError(
                f"include_background={self.include_background} and ignore_class={self.ignore_class} leave none of "
                f"{channels} channels; keep one"
            )
        return kept

    def _powered(self, values: Tensor) -> Tensor:
        if self.power == 1:
            return values
        if self.power == 2:
            return values * values
        # The clamp keeps the gradient of an underflown probability at 0, where 0 · ∞ would be no number.
        return values.clamp(min=torch.finfo(values.dtype).tiny).pow(self.power).masked_fill(values == 0, 0)


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """numerator / denominator, and 0 for 0/0."""
    return numerator / denominator.clamp(min=torch.finfo(denominator.dtype).tiny)
