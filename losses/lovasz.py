"""Lovász losses: Berman, Triki, Blaschko 2018, "The Lovász-Softmax loss" (CVPR), with one sort for the whole batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from losses.shapes import check_same_shape


def jaccard_increments(foreground: Tensor) -> Tensor:
    """Gradient of the Lovász extension of the Jaccard loss, Algorithm 1 of the paper, for each row by itself.

    Args:
        foreground: [R, P] of {0, 1}, floating point, every row in the order of falling errors.

    Returns:
        [R, P]: what the Jaccard loss grows by when the pixel is added to the set of mispredicted pixels.
    """
    total = foreground.sum(1, keepdim=True)
    intersection = total - foreground.cumsum(1)
    union = total + (1 - foreground).cumsum(1)
    jaccard = 1 - intersection / union
    return torch.diff(jaccard, dim=1, prepend=jaccard.new_zeros(len(jaccard), 1))


class LovaszHingeLoss(nn.Module):
    """Lovász extension of the Jaccard loss on the hinge errors 1 − logit · (2y − 1).

    Args:
        per_image: the loss of every image and channel, then their mean; if false, one loss over the pooled pixels of
            each channel, then the mean over channels.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient. If all
            pixels are void the loss is 0 with zero gradient.

    Call: logits [N, K, *space] float, target of the same shape with values {0, 1, ignore_index} → scalar ≥ 0.
    """

    def __init__(self, per_image: bool = True, ignore_index: int | None = None) -> None:
        super().__init__()
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        check_same_shape(logits, target)
        if self.per_image:
            logits, target = logits.flatten(2).flatten(0, 1), target.flatten(2).flatten(0, 1)  # [N·K, P]
        else:
            logits, target = logits.transpose(0, 1).flatten(1), target.transpose(0, 1).flatten(1)  # [K, N·P]
        void = target == self.ignore_index if self.ignore_index is not None else None
        y = target.to(logits.dtype)
        if void is not None:
            y = y.masked_fill(void, 0)
        errors = 1 - logits * (2 * y - 1)
        if void is not None:
            # A void pixel's error is negative, so it sorts last and its hinge is 0: exactly as if it were not there.
            errors = errors.masked_fill(void, -1)
        errors, order = errors.sort(dim=1, descending=True, stable=True)
        weights = jaccard_increments(y.gather(1, order))
        return (errors.relu() * weights).sum(1).mean()
