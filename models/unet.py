"""UNet, from Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation"."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models import FILTERS
from models.blocks import Block, PathDown
from models.upsampling import up


class UNet(PathDown):
    """UNet with batch or group norm, padded convolutions, and bilinear up-sampling instead of transposed convolutions.

    Node `conv{i}_{j}` is at level i (i poolings deep) and in column j. The path down is column 0; on the path up
    i + j = depth.

    Args:
        num_classes: K, the number of channels of the logits.
        input_channels: C, the number of channels of the images.
        filters: the width of every level, top first; with an encoder, of every level of the path up.
        norm: the normalisation of all blocks, see `models.norms`.
        encoder: a key of `ENCODERS`, see `PathDown`.

    Call: images [N, C, H, W] float, normalised, any H, W ≥ 1 → logits [N, K, H, W].
    """

    def __init__(
        self,
        num_classes: int = 1,
        input_channels: int = 3,
        filters: Sequence[int] = FILTERS,
        norm: str = "batch",
        encoder: str | None = None,
    ) -> None:
        super().__init__(input_channels, filters, norm=norm, encoder=encoder)
        below = self.first_widths[-1]
        for i in reversed(range(self.depth)):
            node = Block(self.first_widths[i] + below, filters[i], filters[i], norm)
            self.add_module(f"conv{i}_{self.depth - i}", node)
            below = filters[i]
        self.final = nn.Conv2d(filters[0], num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.padded(image)
        height, width = image.shape[-2:]
        *skips, x = self.column(x)
        for i in reversed(range(self.depth)):
            x = self.get_submodule(f"conv{i}_{self.depth - i}")(torch.cat([skips[i], up(x)], dim=1))
        return self.final(x)[..., :height, :width]
