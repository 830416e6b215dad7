"""The Dice losses. There is one implementation, and every published variant of it is a choice of options.

D = (2Σpy + s) / (Σp^γ + Σy^γ + s). docs/losses.md compares the variants.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from losses.overlap import Activation, OverlapLoss, Smooth, quotient
from losses.rules import check_choice

SmoothIn = Literal["both", "numerator", "denominator", "doubled"]
Form = Literal["1-D", "-D", "-logD"]


class DiceLoss(OverlapLoss):
    """1 − D, −D or −log D of the soft Dice coefficient D.

    By default the sums are pooled over the batch, and s stands in both places. An image without foreground then has a
    gradient for its false positives as long as any image of the batch has foreground.

    Args:
        smooth: s, one number or one per class.
        smooth_in: the place of s. "both" is numerator and denominator. With "numerator" or "denominator" alone, two
            empty masks do not score 1. "doubled" has 2s in the numerator and s in the denominator, which is
            2(Σpy + s) / (Σp + Σy + s) as some have published it, and scores 2 where a class is absent from both masks.
        gamma: γ, the power in the denominator's sums: 1 is plain, 2 is squared (Milletari et al. 2016, V-Net).
        form: the form of the loss.
        divide_by_rows: D is divided by N, so that a perfect prediction of N images does not cost 0. The only use is to
            reproduce one vendor's documented values, which are part of the published interface that this project
            reproduces. It needs sums that are pooled over the batch.
        options: the keywords of `OverlapLoss`: per_image, per_class, activation, weight, include_background,
            ignore_class, ignore_index, reduction.

    Call: logits [N, K, *space] float; target, masks [N, K, *space] in [0, 1] or class indices [N, *space] int64 →
    scalar.
    """

    def __init__(
        self,
        *,
        smooth: Smooth = 1.0,
        smooth_in: SmoothIn = "both",
        gamma: float = 1.0,
        form: Form = "1-D",
        divide_by_rows: bool = False,
        **options: object,
    ) -> None:
        super().__init__(smooth=smooth, **options)
        check_choice("smooth_in", smooth_in, SmoothIn)
        check_choice("form", form, Form)
        if divide_by_rows and self.per_image:
            raise ValueError("divide_by_rows needs sums pooled over the batch; set per_image=False")
        self.smooth_in, self.form, self.divide_by_rows = smooth_in, form, divide_by_rows
        self.power = gamma

    def loss_of_sums(self, py: Tensor, p: Tensor, y: Tensor, *, smooth: Tensor, images: int) -> Tensor:
        above = {"both": 1, "numerator": 1, "denominator": 0, "doubled": 2}[self.smooth_in] * smooth
        below = 0 * smooth if self.smooth_in == "numerator" else smooth
        dice = quotient(2 * py + above, p + y + below)
        if self.divide_by_rows:
            dice = dice / images
        if self.form == "-logD":
            return -dice.log()
        return 1 - dice if self.form == "1-D" else -dice


class BinaryDiceLoss(DiceLoss):
    """`DiceLoss` with sigmoid. By default each image has sums of its own, and s = 1."""

    def __init__(
        self, *, smooth: Smooth = 1.0, per_image: bool = True, activation: Activation = "sigmoid", **options: object
    ) -> None:
        super().__init__(smooth=smooth, per_image=per_image, activation=activation, **options)


class MultiClassDiceLoss(DiceLoss):
    """`DiceLoss` with softmax. By default each class of each image has sums of its own, and s = 1."""

    def __init__(
        self, *, smooth: Smooth = 1.0, per_image: bool = True, activation: Activation = "softmax", **options: object
    ) -> None:
        super().__init__(smooth=smooth, per_image=per_image, activation=activation, **options)


class CategoricalDiceLoss(DiceLoss):
    """−mean over images and classes of w · D with softmax and D = 2(Σpy + s) / (Σp + Σy + s), by default s = 1e-5.

    It was published with weights such as [0, 1, 1], which leave the background out. A perfect prediction costs −1 times
    the mean weight, and a class that is absent from both masks has D = 2.
    """

    def __init__(
        self,
        *,
        smooth: Smooth = 1e-5,
        smooth_in: SmoothIn = "doubled",
        form: Form = "-D",
        per_image: bool = True,
        activation: Activation = "softmax",
        **options: object,
    ) -> None:
        super().__init__(
            smooth=smooth, smooth_in=smooth_in, form=form, per_image=per_image, activation=activation, **options
        )


class LogDiceLoss(DiceLoss):
    """−log D with sums that are pooled over the batch. By default s = 100."""

    def __init__(self, *, smooth: Smooth = 100.0, form: Form = "-logD", **options: object) -> None:
        super().__init__(smooth=smooth, form=form, **options)
