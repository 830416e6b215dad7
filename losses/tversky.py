"""The Tversky losses. They are Dice losses in which false positives and false negatives have prices of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from losses.overlap import OverlapLoss, Smooth, quotient


class TverskyLoss(OverlapLoss):
    """(1 − T)^(1/γ) with T = (TP + s) / (TP + α·FP + β·FN + s), and TP = Σpy, FP = Σp − Σpy, FN = Σy − Σpy.

    Salehi et al. 2017 ("Tversky loss function for image segmentation using 3D fully convolutional deep networks");
    γ of Abraham and Khan 2018. α = β = 0.5 is Dice with twice the smoothing, α = β = 1 the soft Jaccard loss.

    Args:
        alpha: α, the price of false positives. α = 0.3 with β = 0.7 scored best in the first paper.
        beta: β, the price of false negatives. The second paper calls it α.
        gamma: γ. A value above 1 gives more weight to the classes and images that still have little overlap.
        options: the keywords of `OverlapLoss`: per_image, per_class, activation, weight, include_background,
            ignore_class, ignore_index, reduction.

    Call: logits [N, K, *space] float; target, masks [N, K, *space] in [0, 1] or class indices [N, *space] int64 →
    scalar.
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
