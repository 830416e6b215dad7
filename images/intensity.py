"""Pixel values of any dtype → uint8, and one channel ↔ three."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from system.errors import DataError

PERCENTILES = (0.1, 99.9)  # these leave out dead and hot pixels
PIXELS_PER_IMAGE = 4096  # measured for limits that all images of a run share
BLOCK = 2**20  # values converted at once, so that a large image needs hardly more memory than its pixels
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def to_uint8(image: np.ndarray, limits: tuple[float, float] | None = None, *, stretch: bool = False) -> np.ndarray:
    """[H, W, C] of any integer or float dtype, finite → [H, W, C] uint8. A uint8 image is returned unchanged.

    Args:
        limits: the values that become 0 and 255. Values between them are scaled linearly and rounded, values outside
            are clipped. None takes the 0.1 and 99.9 percentiles of the image over all its channels; a constant image
            then becomes zeros.
        stretch: scale uint8 images too.

    Raises:
        ValueError: the first limit is not below the second.
    """
    if image.dtype == np.uint8 and not stretch:
        return image
    if limits is None:
        low, high = _robust_range(image)
        if low == high:
            return np.zeros(image.shape, np.uint8)
    else:
        low, high = limits
        if not low < high:
            raise ValueError(f"limits {low} and {high}; the first must be below the second")
    if _is_countable(image):
        table = _scale(np.arange(np.iinfo(image.dtype).max + 1, dtype=image.dtype), low, high)
        return _by_blocks(table.__getitem__, image.reshape(-1)).reshape(image.shape)
    return _by_blocks(lambda values: _scale(values, low, high), image.reshape(-1)).reshape(image.shape)


def _scale(values: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = values.astype(_exact_float(values.dtype))
    scaled -= low
    scaled *= 255 / (high - low)
    return np.rint(scaled, out=scaled).clip(0, 255).astype(np.uint8)


def _by_blocks(function: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    """`values` along their first axis → uint8, one for each; `function` gets a block of them at a time."""
    result = np.empty(len(values), np.uint8)
    for first in range(0, len(values), BLOCK):
        result[first : first + BLOCK] = function(values[first : first + BLOCK])
    return result


def measure_limits(images: Iterable[np.ndarray]) -> tuple[float, float]:
    """Images [H, W, C] of one dtype → the limits for `to_uint8` that all of them share: 0.1 and 99.9 percentiles.

    At most 4096 pixels of each image are measured, each with all its channels. The same images give the same limits.

    Raises:
        ValueError: there are no images.
        DataError: all measured pixels are equal.
    """
    return limits_of_pixels([some_pixels(image, index) for index, image in enumerate(images)])


def some_pixels(image: np.ndarray, index: int) -> np.ndarray:
    """At most 4096 pixels of an image [H, W, C], with all channels: [pixels, C]; `index` is its place among all."""
    pixels = image.reshape(-1, image.shape[-1])
    if len(pixels) > PIXELS_PER_IMAGE:
        # The pixels are drawn at random, because pixels at equal steps can all lie in a few columns.
        return pixels[np.random.default_rng(index).integers(0, len(pixels), PIXELS_PER_IMAGE)]
    return pixels.copy()  # so that it does not hold the image in memory


def limits_of_pixels(pixels: Sequence[np.ndarray]) -> tuple[float, float]:
    """The limits that `measure_limits` finds, given `some_pixels` of each image; it raises the same errors."""
    if not pixels:
        raise ValueError("no images to measure limits of; give at least one")
    low, high = _robust_range(np.concatenate([some.ravel() for some in pixels]))
    if low == high:
        raise DataError(f"all pixels measured are {low}; limits for all images need images that are not constant")
    return low, high


def to_channels(image: np.ndarray, channels: int) -> np.ndarray:
    """[H, W, 1 or 3] uint8 → [H, W, channels] uint8; grey is repeated, RGB becomes luminance (Rec. 601, rounded).

    Args:
        channels: 1 or 3; an image that has as many channels is returned unchanged.

    Raises:
        ValueError: the image has, or `channels` is, another number than 1 or 3.
    """
    found = image.shape[-1]
    if found not in (1, 3) or channels not in (1, 3):
        raise ValueError(f"{found} channels to {channels}; allowed are 1 and 3")
    if found == channels:
        return image
    if channels == 3:
        return np.repeat(image, 3, axis=-1)
    luminance = lambda pixels: np.rint(pixels @ np.array(LUMINANCE))
    return _by_blocks(luminance, image.reshape(-1, 3)).reshape(*image.shape[:2], 1)


def _exact_float(dtype: np.dtype) -> type:
    """A float type in which differences of values of `dtype` do not overflow and are hardly rounded."""
    return np.float32 if dtype.kind in "iu" and dtype.itemsize <= 2 else np.float64


def _is_countable(values: np.ndarray) -> bool:
    """Whether the dtype has so few values that a table can have an entry for each of them."""
    return values.dtype in (np.uint8, np.uint16)


def _robust_range(values: np.ndarray) -> tuple[float, float]:
    """The 0.1 and 99.9 percentiles of the values; the smallest and the largest value where the two are equal."""
    if _is_countable(values):
        return range_of_counts(counts_of(values))
    low, high = _percentiles(values)
    if low == high:  # hardly any pixel differs from the others, and these few pixels are what the image shows
        low, high = values.min(), values.max()
    return float(low), float(high)


def counts_of(values: np.ndarray) -> np.ndarray:
    """uint8 or uint16 of any shape → how often each possible value occurs, [256 or 65536] int64."""
    flat, possible = values.reshape(-1), np.iinfo(values.dtype).max + 1
    parts = (np.bincount(flat[at : at + BLOCK], minlength=possible) for at in range(0, flat.size, BLOCK))
    return sum(parts, start=np.zeros(possible, np.int64))


def range_of_counts(counts: np.ndarray) -> tuple[float, float]:
    """The limits that `to_uint8` measures in an image, from the counts of its values; equal if it is constant."""
    low, high = _percentiles_by_counting(counts)
    if low == high:
        low, high = np.flatnonzero(counts)[[0, -1]]
    return float(low), float(high)


def _percentiles(values: np.ndarray) -> np.ndarray:
    return np.percentile(values.astype(_exact_float(values.dtype)), PERCENTILES)


def _percentiles_by_counting(counts: np.ndarray) -> list[float]:
    """The same numbers as those of `_percentiles`, to the bit, without sorting."""
    up_to, found = np.cumsum(counts), []
    size = int(up_to[-1])
    for percentile in PERCENTILES:
        place = percentile / 100 * (size - 1)
        below, above = np.searchsorted(up_to, [int(place), min(int(place) + 1, size - 1)], side="right").tolist()
        share = place - int(place)
        # NumPy too interpolates from the nearer end.
        found.append(below + (above - below) * share if share < 0.5 else above - (above - below) * (1 - share))
    return found
