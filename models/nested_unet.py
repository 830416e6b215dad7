"""UNet++, from Zhou et al. 2018, "UNet++: A Nested U-Net Architecture for Medical Image Segmentation"."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from models import FILTERS
from models.blocks import Block, PathDown
from models.upsampling import up


class NestedUNet(PathDown):
    """UNet++ with optional deep supervision.

    Node `conv{i}_{j}` is at level i (i poolings deep) and in column j. For j ≥ 1 it reads all earlier nodes of its
    level, and the up-sampled node one level deeper and one column earlier.

    Args:
        num_classes: K, the number of channels of the logits.
        input_channels: C, the number of channels of the images.
        filters: the width of every level, top first; with an encoder, of every level of the path up.
        deep_supervision: put a head on each node (0, j), j ≥ 1, instead of a single head on the last one.
        norm: the normalisation of all blocks, see `models.norms`.
        encoder: a key of `ENCODERS`, see `PathDown`.

    Call: images [N, C, H, W] float, normalised, any H, W ≥ 1 → logits [N, K, H, W]. With deep supervision the result in
    training mode is the list of the logits of all heads, shallow first; in eval mode it is the logits of the last head.
    """

    def __init__(
        self,
        num_classes: int = 1,
        input_channels: int = 3,
        filters: Sequence[int] = FILTERS,
        deep_supervision: bool = False,
        norm: str = "batch",
        encoder: str | None = None,
    ) -> None:
        super().__init__(input_channels, filters, norm=norm, encoder=encoder)
        self.deep_supervision = deep_supervision
        for j in range(1, self.depth + 1):
            for i in range(self.depth + 1 - j):
                below = self.first_widths[i + 1] if j == 1 else filters[i + 1]
                read = self.first_widths[i] + (j - 1) * filters[i] + below
                self.add_module(f"conv{i}_{j}", Block(read, filters[i], filters[i], norm))
        for name in self._head_names():
            self.add_module(name, nn.Conv2d(filters[0], num_classes, 1))

    def _head_names(self) -> list[str]:
        return [f"final{j}" for j in range(1, self.depth + 1)] if self.deep_supervision else ["final"]

    def forward(self, image: Tensor) -> Tensor | list[Tensor]:
        x = self.padded(image)
        height, width = image.shape[-2:]
        grid: list[list[Tensor]] = []  # grid[i][j] is the output of node (i, j)
        for level, first in enumerate(self.column(x)):
            # This computes one anti-diagonal: node (level, 0), then (level - 1, 1), … (0, level).
            grid.append([first])
            for j in range(1, level + 1):
                i = level - j
                node = self.get_submodule(f"conv{i}_{j}")
                grid[i].append(node(torch.cat([*grid[i], up(grid[i + 1][j - 1])], dim=1)))
        tops = grid[0][1:] if self.training and self.deep_supervision else grid[0][-1:]
        heads = self._head_names()[-len(tops) :]
        logits = [self.get_submodule(name)(top)[..., :height, :width] for name, top in zip(heads, tops, strict=True)]
        return logits if self.training and self.deep_supervision else logits[0]


def prune(model: NestedUNet, depth: int) -> NestedUNet:
    """Returns a copy of `model` that has only the nodes (i, j) with i + j ≤ `depth`.

    It predicts with the head on node (0, depth), which deep supervision has trained (Zhou et al. 2018, "model
    pruning"). In eval mode its logits equal those of this head in the whole network, because images are still padded
    for all levels.

    Args:
        depth: from 1 to the depth of the network.

    Raises:
        TypeError: the network is not a NestedUNet.
        ValueError: there is no such depth, or the network has no head there.
    """
    if not isinstance(model, NestedUNet):
        raise TypeError(f"{type(model).__name__} has a single path; only NestedUNet can be pruned")
    if not 1 <= depth <= model.depth:
        raise ValueError(f"depth {depth}: this network can be pruned to 1 … {model.depth}")
    if depth < model.depth and not model.deep_supervision:
        raise ValueError(
            f"depth {depth} needs a head on node (0, {depth}): train with model.deep_supervision=true; "
            f"this network has its only head at depth {model.depth}"
        )
    pruned = copy.deepcopy(model)
    pruned.depth = depth
    kept = {f"conv{i}_{j}" for i in range(depth + 1) for j in range(depth + 1 - i)} | set(pruned._head_names())
    for name, _ in list(pruned.named_children()):
        if name not in kept | {"encoder"}:
            delattr(pruned, name)
    if pruned.encoder is not None:
        pruned.encoder.cut(depth)
    return pruned
