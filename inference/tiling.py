"""Predicts images of any size with a network of one tile size.

Overlapping tiles are blended, and the result comes in strips from top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

PIXELS_PER_BATCH = 2**18  # pixels of all tiles that go through the network together
# Measured for a UNet of half width: 4 tiles of 128×128 at once take 10 to 20 % less time than one or 16 of them.
PIXELS_PER_BATCH_ON_CPU = 2**16


class RowSource(Protocol):
    """An image that gives some rows at a time, such as `images.regions.ImageRows`.

    Attributes:
        shape: (H, W, C).
    """

    shape: tuple[int, int, int]

    def rows(self, top: int, bottom: int) -> np.ndarray:
        """Returns the rows `top` to `bottom`, without the last: [rows, W, C] uint8."""


def usual_overlap(tile: tuple[int, int]) -> int:
    """Returns the overlap that runs get by default, in pixels; docs/results.md has the scores of others."""
    return min(tile) // 4


def tile_starts(length: int, tile: int, overlap: int) -> list[int]:
    """Returns the first pixel of each tile along one axis.

    The tiles are the fewest that are spread evenly and overlap by at least `overlap`.

    Args:
        length: length of the axis in pixels, at least `tile`.
        tile, overlap: in pixels, 0 ≤ overlap < tile.
    """
    count = 1 + -(-(length - tile) // (tile - overlap))
    return [round(number * (length - tile) / max(1, count - 1)) for number in range(count)]


def blending_weights(
    length: int, tile: int, overlap: int, *, device: torch.device | str = "cpu"
) -> list[tuple[int, Tensor]]:
    """Returns (first pixel, weights) for each tile along one axis. The weights are [tile] float32 in (0, 1].

    They fall linearly over `overlap` pixels towards the ends of a tile. At every pixel the weights of all tiles sum to
    one.
    """
    from_end = torch.arange(tile) + 1.0
    ramp = (torch.minimum(from_end, from_end.flip(0)) / (overlap + 1)).clamp(max=1)
    starts = tile_starts(length, tile, overlap)
    total = torch.zeros(length)
    for start in starts:
        total[start : start + tile] += ramp
    return [(start, (ramp / total[start : start + tile]).to(device)) for start in starts]


def predict_strips(
    model: nn.Module,
    image: Tensor | RowSource,
    *,
    tile: tuple[int, int],
    overlap: int,
    device: torch.device | str,
    prepare: Callable[[Tensor], Tensor] = lambda tiles: tiles,
) -> Iterator[Tensor]:
    """Predicts the logits of one image in tiles, a strip of rows at a time.

    The tiles have the size that the network was trained with: its up-sampling aligns corners, so its output depends a
    little on the size of its input. Where tiles overlap, their logits are averaged, with less weight near the edge of a
    tile. The memory, apart from that of a tensor, grows with the width of the image and not with its height.

    Args:
        model: [N, C, *tile] → [N, K, *tile], in eval mode.
        image: [C, H, W], or a source of rows, which are asked for once each, from top to bottom. The image is mirrored
            at its edges if it is smaller than a tile.
        tile: (height, width) in pixels.
        overlap: smallest overlap of neighbouring tiles in pixels.
        device: the device of the network.
        prepare: turns a batch of tiles of the image into the network's input on `device`.

    Yields:
        Strips [K, rows, W] float32 on `device`, from top to bottom. Together they cover the image.
    """
    height, width = image.shape[1:] if isinstance(image, Tensor) else image.shape[:2]
    columns = blending_weights(max(width, tile[1]), tile[1], overlap, device=device)
    rows = blending_weights(max(height, tile[0]), tile[0], overlap, device=device)
    next_tops = [top for top, _ in rows[1:]] + [height]
    carried = None  # weighted logits of the row of tiles above, where this row overlaps it
    bands = _bands(image, [top for top, _ in rows], min(height, tile[0]))
    for (top, weights), next_top, band in zip(rows, next_tops, bands, strict=True):
        logits = _predict_row(model, band, columns, tile=tile, prepare=prepare)
        logits *= weights[:, None]
        if carried is not None:
            logits[:, : carried.shape[1]] += carried
        yield logits[:, : next_top - top, :width]
        carried = logits[:, next_top - top :]


def _bands(image: Tensor | RowSource, tops: Sequence[int], height: int) -> Iterator[Tensor]:
    """Yields [C, height, W] of the image from each of its rows `tops`, which rise."""
    if isinstance(image, Tensor):
        yield from (image[:, top : top + height] for top in tops)
        return
    band, bottom = torch.empty(0), tops[0]  # the rows above `bottom` have been read
    for top in tops:
        rows = np.require(image.rows(bottom, top + height), requirements=("C", "W"))
        new = torch.from_numpy(rows).permute(2, 0, 1)
        band = torch.cat([band[:, top - bottom :], new], dim=1) if bottom > top else new
        bottom = top + height
        yield band


def _predict_row(
    model: nn.Module,
    rows: Tensor,
    columns: list[tuple[int, Tensor]],
    *,
    tile: tuple[int, int],
    prepare: Callable[[Tensor], Tensor],
) -> Tensor:
    """Predicts one row of tiles and blends them: [C, rows, W] with at most a tile's height → [K, tile height, W]."""
    per_batch = max(1, PIXELS_PER_BATCH // (tile[0] * tile[1]))
    blended = None
    for first in range(0, len(columns), per_batch):
        batch = columns[first : first + per_batch]
        tiles = torch.stack([pad_to_tile(rows[:, :, left : left + tile[1]], tile) for left, _ in batch])
        for (left, weights), logits in zip(batch, model(prepare(tiles)).float(), strict=True):
            if blended is None:
                blended = logits.new_zeros((len(logits), tile[0], columns[-1][0] + tile[1]))
            blended[:, :, left : left + tile[1]].addcmul_(logits, weights)
    return blended


def pad_to_tile(image: Tensor, tile: tuple[int, int]) -> Tensor:
    """Mirrors [C, H, W] at its lower and right edge until it is at least as large as a tile."""
    for axis, side in ((1, tile[0]), (2, tile[1])):
        while (missing := side - image.shape[axis]) > 0:
            mirrored = image.flip(axis).narrow(axis, 0, min(missing, image.shape[axis]))
            image = torch.cat([image, mirrored], dim=axis)
    return image


def predict_together(
    model: nn.Module, images: Sequence[Tensor], *, tile: tuple[int, int], overlap: int
) -> list[Tensor]:
    """Predicts the logits of several images, whose tiles share batches, as `predict_strips` does for one image.

    Args:
        images: [C, H, W] each, normalised, all on the device of the network.

    Returns:
        [K, H, W] float32 for each image.
    """
    device, blended = images[0].device, []
    grids = [
        [
            blending_weights(max(side, length), length, overlap, device=device)
            for side, length in zip(image.shape[1:], tile, strict=True)
        ]
        for image in images
    ]
    places = [(number, row, column) for number, grid in enumerate(grids) for row in grid[0] for column in grid[1]]
    per_batch = max(2, (PIXELS_PER_BATCH_ON_CPU if device.type == "cpu" else PIXELS_PER_BATCH) // math.prod(tile))
    batches = -(-len(places) // per_batch)
    for number in range(batches):
        batch = places[len(places) * number // batches : len(places) * (number + 1) // batches]
        tiles = [
            pad_to_tile(images[index][:, top : top + tile[0], left : left + tile[1]], tile)
            for index, (top, _), (left, _) in batch
        ]
        # Kernels may compute a single tile in another order, and its last bits would depend on the images beside it.
        found = model(torch.stack(tiles * 2 if len(tiles) == 1 else tiles)).float()
        for (index, (top, down), (left, across)), logits in zip(batch, found, strict=False):
            if index == len(blended):
                height, width = (axis[-1][0] + side for axis, side in zip(grids[index], tile, strict=True))
                blended.append(logits.new_zeros((len(logits), height, width)))
            blended[index][:, top : top + tile[0], left : left + tile[1]].addcmul_(logits, down[:, None] * across)
    return [logits[:, : image.shape[1], : image.shape[2]] for logits, image in zip(blended, images, strict=True)]


class TiledModel(nn.Module):
    """A network that works in tiles: images [N, C, H, W] of any size, normalised → logits [N, K, H, W] float32.

    It also takes a list of images [1, C, H, W] of different sizes, and returns a list. All their tiles share batches.
    """

    def __init__(self, model: nn.Module, *, tile: tuple[int, int], overlap: int) -> None:
        super().__init__()
        self.model, self.tile, self.overlap = model, tile, overlap

    def strips(self, image: Tensor | RowSource, **placing: object) -> Iterator[Tensor]:
        """Calls `predict_strips` with this network, tile and overlap; `placing` is its `device` and its `prepare`."""
        return predict_strips(self.model, image, tile=self.tile, overlap=self.overlap, **placing)

    def forward(self, images: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        single = [image[0] for image in images] if isinstance(images, list) else list(images)
        found = predict_together(self.model, single, tile=self.tile, overlap=self.overlap)
        return [logits[None] for logits in found] if isinstance(images, list) else torch.stack(found)
