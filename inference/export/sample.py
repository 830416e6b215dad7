"""Tiles of images: those that files are compared on, and the one that a package shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from images.image_reader import ImageFile, ImageReader
from images.resize import resize_image
from images.writing import encode_png
from inference.export.portable import PortableModel
from inference.export.stretch import Stretch
from inference.files.class_files import class_colours
from inference.files.overlays import draw_outlines
from inference.tiling import pad_to_tile
from tasks.task import Task


@dataclass(frozen=True)
class Sample:
    """A tile for a package: its test computes the maps of the tile, and people look at the cover.

    Attributes:
        tile: [C, height, width] uint8.
        maps: [K, height, width] float32, what the run computes for the tile after `Stretch`.
        cover: a PNG file of the tile, alone and with the outlines of the prediction, twice as wide as high.
    """

    tile: np.ndarray
    maps: np.ndarray
    cover: bytes


def tiles_of(
    images: Sequence[Path | ImageFile], reader: ImageReader, *, size: tuple[int, int], resized: bool
) -> np.ndarray:
    """Returns the middle of each image as the network sees it, before its normalisation: [N, C, *size] uint8.

    Args:
        resized: whether whole images are resized to `size`.
    """
    return np.stack([_tile(reader.read(image), size, resized) for image in images])


def drawn_tiles(count: int, channels: int, size: tuple[int, int]) -> np.ndarray:
    """Returns noise in the place of `tiles_of`, for runs whose images are not there any more."""
    return np.random.default_rng(0).integers(0, 256, (count, channels, *size), np.uint8)


@torch.inference_mode()
def sample_of(tile: np.ndarray, model: PortableModel, task: Task, stretch: Stretch) -> Sample:
    """Returns the sample of a package; `tile` is [C, height, width] uint8, and `model` what is exported."""
    logits = model(torch.from_numpy(stretch.apply(tile))[None])
    masks = task.decide(logits)[0, task.drawn].numpy()
    image = tile.transpose(1, 2, 0)
    halves = [draw_outlines(image, shapes, class_colours(len(shapes))) for shapes in ([], list(masks))]
    return Sample(tile, task.maps(logits)[0].numpy(), encode_png(np.concatenate(halves, axis=1)))


def _tile(image: np.ndarray, size: tuple[int, int], resized: bool) -> np.ndarray:
    if resized:
        return np.ascontiguousarray(resize_image(image, size).transpose(2, 0, 1))
    top, left = (max(0, (there - side) // 2) for there, side in zip(image.shape, size, strict=False))
    middle = np.ascontiguousarray(image[top : top + size[0], left : left + size[1]].transpose(2, 0, 1))
    return pad_to_tile(torch.from_numpy(middle), size).numpy()
