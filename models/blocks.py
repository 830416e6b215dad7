"""The blocks that UNet and UNet++ are built of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from models import ENCODERS, FILTERS, depth_of
from models.convolution import Conv2d
from models.norms import norm_of


class Block(nn.Module):
    """Applies conv 3×3 → norm → ReLU twice: [N, in, H, W] → [N, out, H, W].

    The norms are called `bn1` and `bn2` whatever they are, because published checkpoints have these names.
    """

    def __init__(self, in_channels: int, mid_channels: int, out_channels: int, norm: str = "batch") -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, mid_channels)
        self.bn1 = norm_of(norm, mid_channels)
        self.conv2 = Conv2d(mid_channels, out_channels)
        self.bn2 = norm_of(norm, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)


def down(x: Tensor) -> Tensor:
    """Halves height and width by max-pooling 2×2."""
    return F.max_pool2d(x, 2)


class PathDown(nn.Module):
    """The base of UNet and UNet++. It has the path down, which is column 0: one node on each level.

    Without an encoder these are the nodes `conv{i}_0`. With an encoder, `conv0_0` sees the image at its own size, and
    the levels below are those of the encoder, which sees the image too.

    Args:
        input_channels: C, the number of channels of the images.
        filters: the width of every level, top first; with an encoder, of every level of the path up.
        norm: the normalisation of all blocks, see `models.norms`; an encoder keeps its batch norm.
        encoder: a key of `ENCODERS`; None for a path down of the network's own.

    Attributes:
        depth: the number of levels below the first.
        first_widths: the width of column 0 on every level, top first.
        image_convolutions: the names of the weights that the image is multiplied with.

    Raises:
        ValueError: there are fewer than two levels, or more than the encoder has, or a width is below 1, or there is
            no such normalisation.
    """

    def __init__(
        self, input_channels: int, filters: Sequence[int], *, norm: str = "batch", encoder: str | None = None
    ) -> None:
        super().__init__()
        if len(filters) < 2 or min(filters) < 1:
            raise ValueError(f"filters {tuple(filters)}: needs two or more widths, each at least 1, such as {FILTERS}")
        self.input_channels = input_channels
        self.depth = depth_of(filters, encoder)
        self.padded_to = 2**self.depth
        self.first_widths = tuple(filters)
        self.image_convolutions = ("conv0_0.conv1.weight",)
        self.encoder = None
        if encoder is not None:
            self._add_encoder(encoder)
        for i, width in enumerate(filters if encoder is None else filters[:1]):
            self.add_module(f"conv{i}_0", Block(input_channels if i == 0 else filters[i - 1], width, width, norm))

    def _add_encoder(self, name: str) -> None:
        from models.encoders import ResNetEncoder

        if self.depth > (most := len(ENCODERS[name])):
            raise ValueError(f"{name} has {most} levels; filters may have as many widths, not {self.depth}")
        self.encoder = ResNetEncoder(name, self.input_channels, self.depth)
        self.first_widths = (self.first_widths[0], *self.encoder.widths)
        self.image_convolutions = ("encoder.conv1.weight", *self.image_convolutions)

    def column(self, image: Tensor) -> Iterator[Tensor]:
        """Yields column 0 for padded images [N, C, H, W], level by level, top first: [N, width, H/2^i, W/2^i]."""
        x = self.get_submodule("conv0_0")(image)
        yield x
        if self.encoder is not None:
            yield from self.encoder.features(image, self.depth)
            return
        for i in range(1, self.depth + 1):
            x = self.get_submodule(f"conv{i}_0")(down(x))
            yield x

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
