"""Images of any size through a network of one tile size: overlapping tiles, blended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
from torch import Tensor, nn

TILES_PER_BATCH = 8


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """First pixels of the tiles along one axis: the fewest evenly spread ones that overlap by at least `overlap`.

    Args:
        length: of the axis in pixels, at least `tile`.
        tile, overlap: in pixels, 0 ≤ overlap < tile.
    """
    count = 1 + -(-(length - tile) // (tile - overlap))
    return [round(number * (length - tile) / max(1, count - 1)) for number in range(count)]


def blending_window(tile: tuple[int, int], overlap: int) -> Tensor:
    """[*tile] float32 in (0, 1]: 1 inside, falling linearly over `overlap` pixels to every edge."""
    ramps = []
    for length in tile:
        from_edge = torch.arange(length) + 1.0
        ramps.append((torch.minimum(from_edge, from_edge.flip(0)) / (overlap + 1)).clamp(max=1))
    return ramps[0][:, None] * ramps[1]


def predict_tiled(model: nn.Module, image: Tensor, *, tile: tuple[int, int], overlap: int) -> Tensor:
    """Logits of one image from tiles of the size that the network was trained with.

    The network's up-sampling aligns corners, so that its answer depends a little on the size of what it sees: the
    tile is part of a run. Where tiles overlap their logits are averaged, with less weight near a tile's edge.

    Args:
        model: [N, C, *tile] → [N, K, *tile], in eval mode.
        image: [C, H, W] float32, normalised; reflected outwards where it is smaller than a tile.
        tile: (height, width) in pixels.
        overlap: least overlap of neighbouring tiles in pixels.

    Returns:
        [K, H, W] float32 on the image's device.
    """
    height, width = image.shape[-2:]
    image = pad_to_tile(image, tile)
    corners = list(product(*(tile_starts(image.shape[1 + axis], tile[axis], overlap) for axis in (0, 1))))
    window = blending_window(tile, overlap).to(image.device)
    total, weight = None, torch.zeros(image.shape[-2:], device=image.device)
    for batch in _batches(corners):
        tiles = torch.stack([image[:, y : y + tile[0], x : x + tile[1]] for y, x in batch])
        for (y, x), logits in zip(batch, model(tiles).float(), strict=True):
            if total is None:
                total = logits.new_zeros((len(logits), *image.shape[-2:]))
            total[:, y : y + tile[0], x : x + tile[1]] += logits * window
            weight[y : y + tile[0], x : x + tile[1]] += window
    return total.div_(weight)[:, :height, :width]


def _batches(corners: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(corners), TILES_PER_BATCH):
        yield corners[start : start + TILES_PER_BATCH]


def pad_to_tile(image: Tensor, tile: tuple[int, int]) -> Tensor:
    """Mirrors [C, H, W] at its lower and right edge until it is at least as large as a tile."""
    for axis, side in ((1, tile[0]), (2, tile[1])):
        while (missing := side - image.shape[axis]) > 0:
            mirrored = image.flip(axis).narrow(axis, 0, min(missing, image.shape[axis]))
            image = torch.cat([image, mirrored], dim=axis)
    return image


class TiledModel(nn.Module):
    """A network behind `predict_tiled`: images [1, C, H, W] of any size → logits [1, K, H, W]."""

    def __init__(self, model: nn.Module, *, tile: tuple[int, int], overlap: int) -> None:
        super().__init__()
        self.model, self.tile, self.overlap = model, tile, overlap

    def forward(self, images: Tensor) -> Tensor:
        return torch.stack([predict_tiled(self.model, image, tile=self.tile, overlap=self.overlap) for image in images])
