"""Measures images while they are predicted, and compares them with the training images of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from images.pixel_size import PixelSize
from images.resize import resize_image, resize_mask
from images.statistics.features import (
    Window,
    colour_statistics,
    contrast_of_cells,
    object_statistics,
    pixel_statistics,
    windows_of,
)
from images.statistics.table import ImageTable
from inference.warnings.judging import Judge

Rows = Callable[[int, int], np.ndarray]  # (top, bottom) → [bottom − top, W, C]


@dataclass(frozen=True)
class Comparison:
    """Compares images with those that a run was trained with.

    Attributes:
        table: the statistics of the training images.
        size: (height, width) that the network sees every image in; None if it sees them at their own scale.
    """

    table: ImageTable
    size: tuple[int, int] | None
    judge: Judge = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "judge", Judge(self.table))

    def warnings(
        self,
        stored: Rows,
        image: Rows,
        masks: np.ndarray,
        *,
        areas: np.ndarray | None = None,
        pixel_size: PixelSize | None = None,
    ) -> list[str]:
        """Returns what is unusual about one image, as sentences; see `Judge.warnings`.

        Args:
            stored: its pixels as the file holds them.
            image: its pixels as the reader of the run gives them, uint8.
            masks: [K, H, W] bool, the predicted classes without the background; it may lie in a file.
            areas: of the predicted cells in pixels, [n]; None if the task has none.
            pixel_size: None if it is not known.
        """
        shape = masks.shape[1:]
        windows = windows_of(shape)
        values = colour_statistics(list(_cut(stored, windows)))
        foreground = [np.any(masks[:, rows, columns], axis=0).view(np.uint8) for rows, columns in windows]
        if self.size is None:
            scale, parts = 1.0, list(_cut(image, windows))
        else:
            scale = math.sqrt(math.prod(self.size) / math.prod(shape))
            resized = resize_image(image(0, shape[0]), self.size)
            foreground = [resize_mask(np.any(masks, axis=0), self.size)]
            parts = [resized]
        values |= pixel_statistics(parts) | {"cell_contrast": contrast_of_cells(parts, foreground)}
        if areas is not None:
            values |= object_statistics(areas * scale**2)
        if pixel_size is not None:
            values["pixel_size_um"] = math.sqrt(pixel_size.height * pixel_size.width) / scale
        return self.judge.warnings(values)


def _cut(rows: Rows, windows: Sequence[Window]) -> Iterator[np.ndarray]:
    """Yields the windows of an image. Windows of the same rows stand together, so that these are read once."""
    band, now = None, None
    for lines, columns in windows:
        if now != lines:
            band, now = rows(lines.start, lines.stop), lines
        yield band[:, columns]


def of_array(pixels: np.ndarray) -> Rows:
    """The rows of an image [H, W, C] in the memory."""
    return lambda top, bottom: pixels[top:bottom]
