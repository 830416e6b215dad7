"""The base of the Dice and Tversky losses: it chooses pixels and classes, builds the sums and takes the mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from losses.rules import check_choice, check_per_class, checked_weights, kept_channels
from losses.targets import full_precision, holds_class_indices, masks_of, per_channel, select_channels

Activation = Literal["auto", "sigmoid", "softmax", "none"]
Reduction = Literal["mean", "sum", "none"]
Smooth = float | Sequence[float]


class OverlapLoss(nn.Module):
    """The base of the losses that compare Σpy with Σp and Σy, for probabilities p and masks y.

    A subclass defines `loss_of_sums`.

    Args:
        smooth: one number, or one per class. It keeps the quotient defined, and its gradient alive, where the sums
            are 0.
        per_image: each image has sums of its own; if false, they are pooled over the batch.
        per_class: each class has sums of its own; if false, they are pooled over the classes.
        activation: the function that turns logits into p. "auto" is softmax for a target of class indices and sigmoid
            for one of masks; "none" is for inputs that hold probabilities already, as in published examples.
        weight: a factor ≥ 0 for the loss of each class. The mean is taken over all K classes, as published, and is not
            divided by the sum of the weights.
        include_background: if false, channel 0 is left out.
        ignore_class: a channel that is left out.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient.
        reduction: "mean" or "sum" over images and classes, or "none", which returns the table
            [N or 1, classes or 1].

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
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        check_per_class(per_class=per_class, weight=weight, smooth=smooth)
        check_choice("activation", activation, Activation)
        check_choice("reduction", reduction, Reduction)
        self.smooth = smooth if isinstance(smooth, (int, float)) else tuple(smooth)
        self.per_image, self.per_class = per_image, per_class
        self.activation = activation
        self.weight = checked_weights("weight", weight)
        self.include_background, self.ignore_class = include_background, ignore_class
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.power = 1.0  # of p and y in Σp and Σy

    def loss_of_sums(self, py: Tensor, p: Tensor, y: Tensor, *, smooth: Tensor, images: int) -> Tensor:
        """Turns Σpy, Σp, Σy, each [rows, classes], and the smoothing [classes] into losses [rows, classes]."""
        raise NotImplementedError

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        logits = full_precision(logits)
        p = self._probabilities(logits, indices=holds_class_indices(logits, target))
        y, void = masks_of(logits, target, self.ignore_index)
        if void is not None:
            p = p.masked_fill(void, 0)
        smooth = per_channel(self.smooth, "smooth", logits)
        weight = None if self.weight is None else per_channel(self.weight, "weight", logits)
        kept = kept_channels(
            logits.shape[1], include_background=self.include_background, ignore_class=self.ignore_class
        )
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

    def _powered(self, values: Tensor) -> Tensor:
        if self.power == 1:
            return values
        if self.power == 2:
            return values * values
        # The clamp keeps the gradient of an underflown probability at 0, where 0 · ∞ would be no number.
        return values.clamp(min=torch.finfo(values.dtype).tiny).pow(self.power).masked_fill(values == 0, 0)


def quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Returns numerator / denominator, and 0 for 0/0."""
    return numerator / denominator.clamp(min=torch.finfo(denominator.dtype).tiny)
