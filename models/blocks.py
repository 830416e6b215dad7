"""The blocks that UNet and UNet++ are built of."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from models import FILTERS
from models.batch_norm import BatchNorm2d
from models.convolution import Conv2d


class Block(nn.Module):
    """Applies conv 3×3 → batch norm → ReLU twice: [N, in, H, W] → [N, out, H, W]."""

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, mid_channels)
        self.bn1 = BatchNorm2d(mid_channels)
        self.conv2 = Conv2d(mid_channels, out_channels)
        self.bn2 = BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)


def down(x: Tensor) -> Tensor:
    """Halves height and width by max-pooling 2×2."""
    return F.max_pool2d(x, 2)


class PathDown(nn.Module):
    """The base of UNet and UNet++. It has the path down, which is the nodes `conv{i}_0`, one on each level.

    Args:
        input_channels: C, the number of channels of the images.
        filters: the width of every level, top first.

    Raises:
        ValueError: there are fewer than two levels, or a width is below 1.
    """

    def __init__(self, input_channels: int, filters: Sequence[int]) -> None:
        super().__init__()
        if len(filters) < 2 or min(filters) < 1:
            raise ValueError(f"filters {tuple(filters)}: needs two or more widths, each at least 1, such as {FILTERS}")
        self.input_channels = input_channels
        self.depth = len(filters) - 1
        self.padded_to = 2**self.depth
        for i, width in enumerate(filters):
            self.add_module(f"conv{i}_0", Block(input_channels if i == 0 else filters[i - 1], width, width))

    def padded(self, image: Tensor) -> Tensor:
        """Repeats the last row and column of [N, C, H, W] until H and W can be halved once per level.

        The caller crops the network's output back.

        Raises:
            ValueError: `image` is not [N, C, H ≥ 1, W ≥ 1].
        """
        if image.ndim != 4 or image.shape[1] != self.input_channels or 0 in image.shape[-2:]:
            raise ValueError(f"images of shape [N, {self.input_channels}, H, W] are expected, got {list(image.shape)}")
        height, width = image.shape[-2:]
        bottom, right = -height % self.padded_to, -width % self.padded_to
        return F.pad(image, (0, right, 0, bottom), mode="replicate") if bottom or right else image
