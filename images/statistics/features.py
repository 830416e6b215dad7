"""Numbers that describe how an image looks: brightness, contrast, sharpness, grain, texture, colour and its objects.

docs/measurements.md defines each of them. They are measured in the image as the network sees it: uint8 of the run's
channels, and resized if the run resizes. A large image is measured in 16 windows, so that it costs a few milliseconds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

from images.objects import median_diameter

WHOLE = 2**20  # pixels: a larger image is measured in windows
GRID, WINDOW = 4, 256  # windows along each side, and the side of one in pixels
LEVELS = 6  # the image, and the image reduced by 2, 4, 8, 16 and 32
SMALLEST = 8  # pixels: a level with a shorter side is not measured
SAMPLED = 2**14  # values that a median is taken of
QUANTILES = (5, 25, 50, 75, 95)  # %
LUMINANCE_OF = 3  # channels: those of RGB

Window = tuple[slice, slice]


def windows_of(shape: tuple[int, int]) -> list[Window]:
    """Returns the rows and columns of an image [H, W] that are measured: all of them, or 4×4 windows of 256×256."""
    height, width = shape
    if height * width <= WHOLE:
        return [(slice(0, height), slice(0, width))]
    starts = [np.unique(np.linspace(0, max(0, side - WINDOW), GRID).astype(int)) for side in shape]
    slices = [
        [slice(int(first), int(min(first + WINDOW, side))) for first in firsts]
        for firsts, side in zip(starts, shape, strict=True)
    ]
    return [(rows, columns) for rows in slices[0] for columns in slices[1]]


def pixel_statistics(windows: Sequence[np.ndarray]) -> dict[str, float]:
    """Describes the pixels of one image.

    Args:
        windows: parts of the image, each [h, w, C] uint8.

    Returns:
        name → number; NaN where the image is too small or is constant.
    """
    found = _quantiles(windows)
    levels = [_grey(window).astype(np.float32) for window in windows]
    variances = []
    for level in range(LEVELS):
        levels = [one for one in levels if min(one.shape) >= SMALLEST]
        variance, energy, grain = _level(levels) if levels else (math.nan, math.nan, math.nan)
        found[f"contrast-{level}"] = math.sqrt(variance) if variance >= 0 else math.nan
        found[f"sharpness-{level}"] = energy / variance if variance > 1e-3 else math.nan
        found[f"grain-{level}"] = grain
        variances.append(variance)
        levels = [_halved(one) for one in levels]
    return found | {"texture_scale": _texture_scale(variances)}


def contrast_of_cells(windows: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> float:
    """How much brighter the cells are than the rest, in grey levels; below 0 they are darker. NaN without either.

    Args:
        windows: as `pixel_statistics` takes them.
        masks: the foreground in the same windows, [h, w] uint8 {0, 1}.
    """
    cells = others = inside = outside = 0.0
    for window, mask in zip(windows, masks, strict=True):
        grey, pixels = _grey(window), cv2.countNonZero(mask)
        of_cells = cv2.mean(grey, mask)[0] * pixels
        cells, inside = cells + of_cells, inside + pixels
        others, outside = others + cv2.sumElems(grey)[0] - of_cells, outside + mask.size - pixels
    return cells / inside - others / outside if inside and outside else math.nan


def object_statistics(areas: np.ndarray) -> dict[str, float]:
    """Describes the objects of an image by their areas in pixels, [n]."""
    return {"objects": float(len(areas)), "object_diameter": median_diameter(areas) if len(areas) else math.nan}


def colour_statistics(windows: Sequence[np.ndarray]) -> dict[str, float]:
    """Describes the colours of a file: its pixels before they become those of the run, [h, w, C] of any dtype.

    Returns:
        `channels`, where RGB without colour counts as 1; and `saturation`, the sum of (max − min) over the channels of
        each pixel / the sum of max: 0 is grey, and 1 has pure colours. It is NaN for other channels than 1 and 3.
    """
    channels = windows[0].shape[2]
    if channels != LUMINANCE_OF:
        return {"channels": float(channels), "saturation": 0.0 if channels == 1 else math.nan}
    spread = total = 0.0
    for window in windows:
        planes = cv2.split(window) if window.dtype in (np.uint8, np.uint16, np.float32) else np.moveaxis(window, 2, 0)
        highest, lowest = (join(join(planes[0], planes[1]), planes[2]) for join in (np.maximum, np.minimum))
        spread += float((highest - lowest).sum(dtype=np.float64))
        total += float(np.abs(highest).sum(dtype=np.float64))
    saturation = spread / total if total else 0.0
    return {"channels": 3.0 if spread else 1.0, "saturation": saturation}


def _grey(window: np.ndarray) -> np.ndarray:
    """[h, w, C] uint8 → [h, w] uint8: the luminance of RGB, else the mean of the channels."""
    if window.shape[2] == 1:
        return np.ascontiguousarray(window[..., 0])
    if window.shape[2] == LUMINANCE_OF:
        return cv2.cvtColor(np.ascontiguousarray(window), cv2.COLOR_RGB2GRAY)
    return window.mean(axis=2, dtype=np.float32).astype(np.uint8)


def _quantiles(windows: Sequence[np.ndarray]) -> dict[str, float]:
    found, contiguous = {}, [np.ascontiguousarray(window) for window in windows]
    for channel in range(windows[0].shape[2]):
        counts = sum(_histogram(window, channel) for window in contiguous)
        up_to = np.cumsum(counts)
        for quantile in QUANTILES:
            found[f"intensity_q{quantile:02d}-{channel}"] = float(np.searchsorted(up_to, quantile / 100 * up_to[-1]))
    return found


def _histogram(window: np.ndarray, channel: int) -> np.ndarray:
    """How often each value occurs in a channel, [256]; OpenCV counts in float32, which is exact up to 2**24 pixels."""
    return cv2.calcHist([window.reshape(-1, 1, window.shape[2])], [channel], None, [256], [0, 256]).ravel()


def _level(images: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Returns the variance of all pixels, the mean square of the Laplacian, and the median of its absolute value."""
    count = sum(image.size for image in images)
    mean = sum(float(image.sum(dtype=np.float64)) for image in images) / count
    squares = sum(cv2.norm(image, cv2.NORM_L2SQR) for image in images) / count
    laplacians = [cv2.Laplacian(image, cv2.CV_32F, ksize=1, borderType=cv2.BORDER_REPLICATE) for image in images]
    energy = sum(cv2.norm(one, cv2.NORM_L2SQR) for one in laplacians) / count
    step = max(1, round(math.sqrt(count / SAMPLED)))
    sampled = np.concatenate([np.abs(one[::step, ::step]).ravel() for one in laplacians])
    return max(0.0, squares - mean**2), energy, float(np.median(sampled))


def _halved(image: np.ndarray) -> np.ndarray:
    height, width = (side // 2 for side in image.shape)
    return cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)


def _texture_scale(variances: Sequence[float]) -> float:
    """The size of the usual structures in pixels: the mean octave, weighted by the variance that averaging removes."""
    removed = [max(0.0, before - after) for before, after in pairwise(variances)]
    known = [(level + 1, value) for level, value in enumerate(removed) if value == value]
    total = sum(value for _, value in known)
    return 2 ** (sum(level * value for level, value in known) / total) if total else math.nan
