"""An image → the little of it that tells its kind, its near duplicates and its neighbours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from images.resize import resize_image

SIDES = ("left", "right", "top", "bottom")
THUMBNAIL, FREQUENCIES = 32, 8  # pixels of a side; cosines of a side
SAMPLED = 64  # pixels of the short side that the kind of an image is judged by, at least
COLOUR = 0.05  # the mean difference between the channels, as a share of the range; less is the tint of a grey image


@dataclass(frozen=True)
class View:
    """What is kept of an image.

    Attributes:
        size: (height, width) in pixels.
        kind: see `kind_of`.
        edges: side → the grey values of its outermost pixels, [pixels] float64, in the units of the file.
        hash: the perceptual hash, [63] bool; None for an image without contrast.
    """

    size: tuple[int, int]
    kind: str
    edges: Mapping[str, np.ndarray]
    hash: np.ndarray | None


def view_of(image: np.ndarray) -> View:
    """[H, W, C] of any dtype, as it is in its file → its view."""
    grey = _grey(image)
    lines = (line.astype(np.float64) for line in (grey[:, 0], grey[:, -1], grey[0], grey[-1]))
    return View(grey.shape, kind_of(image), dict(zip(SIDES, lines, strict=True)), perceptual_hash(grey))


def _grey(image: np.ndarray) -> np.ndarray:
    """[H, W, C] → the mean of the channels, [H, W] float32."""
    total = image[..., 0].astype(np.float32)
    for channel in range(1, image.shape[2]):  # three times as fast as numpy's mean over a short axis
        total += image[..., channel]
    return total / image.shape[2]


def kind_of(image: np.ndarray) -> str:
    """Returns the kind of an image [H, W, C] of any dtype, such as "grey on dark, 256 px".

    It says whether there are colours; whether the background is dark, as in fluorescence, or bright, as in transmitted
    light, where the background is what the median pixel shows; and the power of two nearest to the side of a square of
    the same area.
    """
    height, width, channels = image.shape
    step = max(1, min(height, width) // SAMPLED)
    pixels = image[::step, ::step].astype(np.float64)
    grey = pixels.mean(axis=2)
    low, median, high = np.percentile(grey, (1, 50, 99))
    background = "bright" if median - low > high - median else "dark"
    if channels == 3:
        colour = (pixels.max(axis=2) - pixels.min(axis=2)).mean() / max(np.percentile(pixels, 99) - min(low, 0), 1e-9)
        what = "coloured" if colour > COLOUR else "grey"
    else:
        what = "grey" if channels == 1 else f"{channels} channels"
    return f"{what} on {background}, {2 ** round(math.log2(height * width) / 2)} px"


def perceptual_hash(grey: np.ndarray) -> np.ndarray | None:
    """[H, W] float32 → [63] bool: which of the low spatial frequencies of a thumbnail are above their median.

    It hardly changes with brightness, contrast, size and compression (pHash: Zauner 2010, "Implementation and
    Benchmarking of Perceptual Image Hash Functions"). An image without contrast has none.
    """
    thumbnail = resize_image(grey, (THUMBNAIL, THUMBNAIL)).astype(np.float64)
    if np.ptp(thumbnail) <= 1e-5 * np.abs(thumbnail).max():
        return None
    places = np.arange(THUMBNAIL) + 0.5
    cosines = np.cos(np.pi / THUMBNAIL * np.outer(np.arange(FREQUENCIES), places))  # of the DCT-II
    found = (cosines @ thumbnail @ cosines.T).ravel()[1:]  # without the mean
    return found > np.median(found)
