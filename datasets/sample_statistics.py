"""What a training notes of each of its images: how it looks, and the size of its objects."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from images.objects import areas_of
from images.pixel_size import pixel_size_of
from images.statistics.features import (
    colour_statistics,
    contrast_of_cells,
    object_statistics,
    pixel_statistics,
    windows_of,
)
from tasks.truth import LabelMaps, Truth

Statistics = dict[str, float]  # name → number, see `images.statistics.features`


def sample_statistics(stored: np.ndarray, image: np.ndarray, truth: np.ndarray, kind: Truth) -> Statistics:
    """Describes one sample.

    Args:
        stored: the image as the file holds it, [H, W, C] of any dtype.
        image: as the network sees it, [h, w, channels] uint8.
        truth: [h, w, files], as `kind` resizes it.
    """
    masks = kind.masks(truth)
    foreground = (masks == 1).any(axis=2).view(np.uint8)
    if isinstance(kind, LabelMaps):
        areas = areas_of(foreground, truth[..., 0])
    else:
        areas = np.concatenate([areas_of((masks[..., k] == 1).view(np.uint8), None) for k in range(masks.shape[2])])
    windows = windows_of(image.shape[:2])
    parts = [image[window] for window in windows]
    found = pixel_statistics(parts) | object_statistics(areas)
    found["cell_contrast"] = contrast_of_cells(parts, [np.ascontiguousarray(foreground[window]) for window in windows])
    return found | colour_statistics([stored[window] for window in windows_of(stored.shape[:2])])


def with_micrometres(statistics: Statistics, path: Path, *, file_size: tuple[int, int], size: tuple[int, int]) -> dict:
    """Adds the pixel size that the file says, and the diameter of the objects, in µm; NaN if it says none.

    Args:
        file_size, size: (height, width) of the image in its file, and as the network sees it.
    """
    found, _ = pixel_size_of(path)
    pixel = math.nan
    if found is not None:
        pixel = math.sqrt(found.height * found.width * math.prod(file_size) / math.prod(size))
    diameter = statistics["object_diameter"] * pixel
    return statistics | {"pixel_size_um": pixel, "object_diameter_um": diameter}
