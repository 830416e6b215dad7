"""Lovász losses: Berman, Triki, Blaschko 2018, "The Lovász-Softmax loss" (CVPR), with one sort for the whole batch.

The Lovász extension of the Jaccard loss is a sum over pixels. Each pixel's error is multiplied by the growth of the
Jaccard loss when the pixel joins the mispredicted ones, in the order of falling errors. That growth is constant between
two changes of the order, so it is computed without gradient and put back into the order of the pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from losses.rules import check_channels_exist
from losses.targets import check_same_shape, full_precision, masks_of, select_channels


def ascending_order(values: Tensor) -> Tensor:
    """Returns the indices that sort each row of `values` [R, P], int64 [R, P].

    Equal values stay in the order of indices.
    """
    if values.device.type != "cpu" or values.dtype != torch.float32:
        return values.sort(dim=1, stable=True).indices
    # On a CPU NumPy sorts plain integers far faster than torch sorts numbers with their indices. So each key is an
    # integer: the upper half holds the bits of the number, changed so that they order as the floats do, and the lower
    # half holds the index.
    bits = (values + 0.0).view(torch.int32)  # -0.0 + 0.0 is 0.0
    bits = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    keys = bits.long().bitwise_left_shift_(32).bitwise_or_(torch.arange(values.shape[1]))
    keys.numpy().sort(axis=1)
    return keys.bitwise_and_(0xFFFFFFFF)


def jaccard_growth(foreground: Tensor, dtype: torch.dtype) -> Tensor:
    """Computes algorithm 1 of the paper in closed form.

    The paper's difference of two nearly equal quotients would lose digits.

    A row has G foreground pixels. Up to and including the present pixel it has f foreground and b background pixels.
    The Jaccard loss is then 1 − (G − f) / (G + b). It has grown by 1 / (G + b) if the pixel is foreground, and by
    (G − f) / ((G + b)(G + b − 1)) if it is not. Without any foreground, the first pixel takes the loss from 0 to 1.

    Args:
        foreground: [R, P] bool, every row in the order of falling errors.

    Returns:
        [R, P] of `dtype`.
    """
    seen = foreground.cumsum(1, dtype=torch.int32)
    total = seen[:, -1:]
    union = (torch.arange(1, foreground.shape[1] + 1, dtype=torch.int32, device=seen.device) - seen + total).to(dtype)
    growth = (total - seen).to(dtype).div_((union - 1).clamp_(min=1)).masked_fill_(foreground, 1).div_(union)
    growth[:, :1].masked_fill_(total == 0, 1)
    return growth


@torch.no_grad()
def growth_of_pixels(correctness: Tensor, foreground: Tensor) -> Tensor:
    """Returns the growth of the Jaccard loss at each pixel, [R, P]; `correctness` [R, P] falls where errors rise."""
    order = ascending_order(correctness)
    growth = jaccard_growth(foreground.gather(1, order), correctness.dtype)
    return torch.empty_like(growth).scatter_(1, order, growth)


class LovaszHingeLoss(nn.Module):
    """The Lovász extension of the Jaccard loss on the hinge errors 1 − logit · (2y − 1).

    Args:
        per_image: each channel of each image has a loss of its own, and the mean is taken over them; if false, the
            pixels of each channel are pooled over the batch, and the mean is taken over the channels.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient. If all
            pixels are void, the loss is 0 with zero gradient.

    Call: logits [N, K, *space] float, target of the same shape with values {0, 1, ignore_index} → scalar ≥ 0.
    """

    def __init__(self, per_image: bool = True, ignore_index: int | None = None) -> None:
        super().__init__()
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        check_same_shape(logits, target)
        logits = full_precision(logits)
        void = None if self.ignore_index is None else target == self.ignore_index
        foreground = target > 0.5 if void is None else (target > 0.5) & ~void
        # Sorted by the margin: unlike 1 − margin it is not rounded, so that nearly equal errors keep their order.
        margin = logits * (2 * foreground.to(logits.dtype) - 1)
        if void is not None:
            margin = margin.masked_fill(void, torch.inf)  # sorts last and has a hinge of 0, as if it were not there
        margin, foreground = (_rows(values, self.per_image) for values in (margin, foreground))
        return ((1 - margin).relu() * growth_of_pixels(margin, foreground)).sum(1).mean()


class LovaszSoftmaxLoss(nn.Module):
    """The mean over classes of the Lovász extension of the Jaccard loss on the errors |y − p|, p = softmax(logits).

    With a single channel p = sigmoid(logits), and the foreground is the only class. The errors are computed in
    float64. Rounded to float32, so many pixels of an image would change their order that the gradient would suffer.

    Args:
        classes: the classes that are averaged: "present" (those with a pixel in the image, or in the pooled batch),
            "all", or a list of channels.
        per_image: each image has a loss of its own, and the mean is taken over them; if false, the pixels are pooled
            over the batch.
        ignore_index: pixels whose target has this value are void: they take no part and get no gradient. If all
            pixels are void, the loss is 0 with zero gradient.

    Call: logits [N, K, *space] float; target, class indices [N, *space] int64 or masks [N, K, *space] {0, 1} →
    scalar in [0, 1].
    """

    def __init__(
        self,
        classes: Literal["present", "all"] | Sequence[int] = "present",
        per_image: bool = False,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__()
        if isinstance(classes, str) and classes not in ("present", "all"):
            raise ValueError(f"classes {classes!r} is unknown; allowed are present, all, or a list such as [1, 2]")
        if not isinstance(classes, str) and not classes:
            raise ValueError("classes is an empty list; allowed are present, all, or a list such as [1, 2]")
        self.classes = classes if isinstance(classes, str) else tuple(classes)
        self.per_image = per_image
        self.ignore_index = ignore_index

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        channels = logits.shape[1]
        masks, void = masks_of(logits, target, self.ignore_index)
        foreground = masks > 0.5
        exact = logits.float() if logits.device.type == "mps" else logits.double()  # MPS has no float64
        p = exact.sigmoid() if channels == 1 else exact.softmax(1)
        errors = torch.where(foreground, 1 - p, p)
        if void is not None:
            errors = errors.masked_fill(void, 0)  # sorts behind all pixels that have gradient
        if not isinstance(self.classes, str):
            check_channels_exist("classes", self.classes, channels)
            errors, foreground = (select_channels(values, self.classes, axis=1) for values in (errors, foreground))
        images, classes = len(errors) if self.per_image else 1, errors.shape[1]
        errors, foreground = (_rows(values, self.per_image) for values in (errors, foreground))
        losses = (errors * growth_of_pixels(-errors, foreground)).sum(1).view(images, classes)
        counted = torch.ones_like(losses)
        if self.classes == "present":
            counted = foreground.any(1).view(images, classes).to(losses.dtype)
        loss = ((losses * counted).sum(1) / counted.sum(1).clamp(min=1)).mean()
        return loss.to(full_precision(logits).dtype)


def _rows(values: Tensor, per_image: bool) -> Tensor:
    """Reshapes [N, K, *space] to [N·K, P], a row per image and channel, or to [K, N·P], a row per channel."""
    values = values.reshape(*values.shape[:2], -1)
    return values.flatten(0, 1) if per_image else values.transpose(0, 1).flatten(1)
