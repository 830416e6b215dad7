"""Tversky losses: Dice with a price of its own for each kind of error."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.overlap import OverlapLoss, Smooth, quotient


class TverskyLoss(OverlapLoss):
    """(1 − T)^(1/γ) with T = (TP + s) / (TP + α·FP + β·FN + s), and TP = Σpy, FP = Σp − Σpy, FN = Σy − Σpy.

    Salehi et al. 2017 ("Tversky loss function for image segmentation using 3D fully convolutional deep networks");
    γ of Abraham and Khan 2018. α = β = 0.5 is Dice with twice the smoothing, α = β = 1 the soft Jaccard loss.

    Args:
        alpha: price of false positives. 0.3 and 0.7 scored best in the first paper.
        beta: price of false negatives. (The second paper calls this one α.)
        gamma: γ; above 1 it brings out the classes and images that still have little overlap.
        options: those of `OverlapLoss`: per_image, per_class, activation, weight, include_background, ignore_class,
            ignore_index, reduction.

    Call: as `DiceLoss`.
    """

    def __init__(
        self, *, alpha: float = 0.3, beta: float = 0.7, gamma: float = 1.0, smooth: Smooth = 1.0, **options: object
    ) -> None:
        super().__init__(smooth=smooth, **options)
        self.alpha, self.beta, self.gamma = alpha, beta, gamma

    def loss_of_sums(self, py: Tensor, p: Tensor, y: Tensor, *, smooth: Tensor, images: int) -> Tensor:
        tversky = quotient(py + smooth, py + self.alpha * (p - py) + self.beta * (y - py) + smooth)
        if self.gamma == 1:
            return 1 - tversky
        # Where T is 1 the power's slope is infinite; a float32 T may also lie above it by a rounding.
        return (1 - tversky).clamp(min=torch.finfo(tversky.dtype).eps ** 2).pow(1 / self.gamma)


class FocalTverskyLoss(TverskyLoss):
    """`TverskyLoss` with γ = 4/3, as Abraham and Khan 2018 ("A novel focal Tversky loss function …") recommend."""

    def __init__(self, *, gamma: float = 4 / 3, **options: object) -> None:
        super().__init__(gamma=gamma, **options)
