"""UNet, from Ronneberger, Fischer, Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation"."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models import FILTERS
from models.blocks import Block, check_filters, check_image, down, pad_to_multiple
from models.upsampling import up


class UNet(nn.Module):
    """UNet with batch norm, padded convolutions, and bilinear up-sampling instead of transposed convolutions.

    Node `conv{i}_{j}` is at level i (i poolings deep) and in column j. The path down is column 0; on the path up
    i + j = depth.

    Args:
        num_classes: K, the number of channels of the logits.
        input_channels: C, the number of channels of the images.
        filters: the width of every level, top first.

    Call: images [N, C, H, W] float, normalised, any H, W ≥ 1 → logits [N, K, H, W].
    """

    def __init__(self, num_classes: int = 1, input_channels: int = 3, filters: Sequence[int] = FILTERS) -> None:
        super().__init__()
        widths = check_filters(filters)
        self.input_channels = input_channels
        self.depth = len(widths) - 1
        for i, width in enumerate(widths):
            self.add_module(f"conv{i}_0", Block(input_channels if i == 0 else widths[i - 1], width, width))
        for i in reversed(range(self.depth)):
            self.add_module(f"conv{i}_{self.depth - i}", Block(widths[i] + widths[i + 1], widths[i], widths[i]))
        self.final = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        check_image(image, self.input_channels)
        height, width = image.shape[-2:]
        x = pad_to_multiple(image, 2**self.depth)
        skips = []
        for i in range(self.depth):
            x = self.get_submodule(f"conv{i}_0")(x)
            skips.append(x)
            x = down(x)
        x = self.get_submodule(f"conv{self.depth}_0")(x)
        for i in reversed(range(self.depth)):
            x = self.get_submodule(f"conv{i}_{self.depth - i}")(torch.cat([skips[i], up(x)], dim=1))
        return self.final(x)[..., :height, :width]
