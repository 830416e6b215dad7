"""The images that a run trains with → the way in which it reads all of its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from images.image_reader import ANY, CONVERTIBLE, ImageReader, Limits
from images.intensity import limits_of_pixels, some_pixels
from images.reading import MAX_PIXELS
from system.errors import DataError, FileError
from system.threads import as_done

MOST_CHANNELS = 128  # OpenCV, which cuts and flips images, takes no more
Result = TypeVar("Result")


def choose_reader(
    paths: Sequence[Path],
    *,
    channels: int | str | Sequence[int | str],
    intensity: str,
    max_pixels: int = MAX_PIXELS,
    plane: str | None = None,
    open_image: Callable[[ImageReader, Path], np.ndarray] = ImageReader.any_channels,
) -> ImageReader:
    """Chooses the reader of a run by the images that it trains with. Several threads decode them.

    Images that cannot be read are left out here; reading the samples reports all of them at once.

    Args:
        channels: how many; or the numbers (from 0) or names of those that are taken from each file; or "auto": as many
            as the images have, where grey and RGB images together are 3 channels if any of them has a pixel that is
            not grey, and else 1.
        intensity: see `ImageReader`; the limits for "run" are measured here.
        plane: see `ImageReader`.
        open_image: decodes a file as `ImageReader.any_channels` does; it may keep what it decodes.

    Raises:
        DataError: `channels` is "auto" and the images have too many channels, or different numbers of them; or
            `intensity` is "run" and all measured pixels of the images, or of one of their channels, are equal.
    """
    declared = channels != "auto"
    if channels == "auto":
        any_reader = reader_for("auto", plane=plane, max_pixels=max_pixels)
        channels = _channels_of(_readable(paths, lambda path: _channels_in(open_image(any_reader, path))))
    reader = replace(reader_for(channels, plane=plane, max_pixels=max_pixels), intensity=intensity)
    if not declared:
        reader = replace(reader, pages_are_channels=False)
    if intensity != "run":
        return reader
    images = _readable(paths, lambda path: open_image(reader, path))
    taken = (image for image in images if reader.takes(image.shape[2]))
    pixels = [some_pixels(image, index) for index, image in enumerate(taken)]
    if not pixels:
        return reader
    return replace(
        reader, limits=_limits_of(pixels, reader.channels) if reader.per_channel else limits_of_pixels(pixels)
    )


def reader_for(channels: int | str | Sequence[int | str], *, plane: str | None, max_pixels: int) -> ImageReader:
    """Returns the reader of files with these channels and this plane, see `choose_reader`; "auto" takes any number."""
    select = None if isinstance(channels, (int, str)) else tuple(channels)
    count = ANY if channels == "auto" else channels if select is None else len(select)
    return ImageReader(count, max_pixels=max_pixels, plane=plane, select=select, pages_are_channels=channels != "auto")


def _limits_of(pixels: Sequence[np.ndarray], channels: int) -> tuple[Limits, ...]:
    """The limits of each channel, from some pixels of each image, [pixels, channels]."""
    limits = []
    for channel in range(channels):
        try:
            limits.append(limits_of_pixels([some[:, channel] for some in pixels]))
        except DataError as error:
            raise DataError(f"channel {channel} (from 0): {error}") from error
    return tuple(limits)


def _channels_in(image: np.ndarray) -> tuple[int, bool]:
    """The number of channels of [H, W, C], and whether any pixel is not grey."""
    return image.shape[2], has_colour(image)


def _channels_of(images: Iterable[tuple[int, bool]]) -> int:
    """The channels of a run whose images have these, see `_channels_in` and `choose_reader`."""
    counts, coloured = Counter(), False
    for channels, colour in images:
        counts[channels] += 1
        coloured = coloured or colour
        if coloured and set(counts) <= set(CONVERTIBLE):
            break  # the others are compared when they are read
    if problem := mixed_channels(counts):
        raise DataError("; ".join(problem))
    if max(counts, default=1) > MOST_CHANNELS:
        raise DataError(
            f"images of {max(counts)} channels; at most {MOST_CHANNELS} are trained with: choose some of them with "
            "data.channels: [numbers or names]"
        )
    (count,) = set(counts) - set(CONVERTIBLE) or {3 if coloured else 1}
    return count


def mixed_channels(counts: Mapping[int, int]) -> tuple[str, str] | None:
    """Returns why images of these numbers of channels cannot be trained with together, and what to do; else None.

    Args:
        counts: number of channels → number of images.
    """
    if len(counts) < 2 or set(counts) <= set(CONVERTIBLE):
        return None
    listed = ", ".join(f"{count} in {images} images" for count, images in sorted(counts.items()))
    found = f"images of different numbers of channels: {listed}"
    return found, "save the same channels of all, or set data.channels to the numbers or names of those to read"


def _readable(paths: Sequence[Path], work: Callable[[Path], Result]) -> Iterable[Result]:
    """`work` of each path, in their order, without those of files that cannot be read."""

    def unless_unreadable(path: Path) -> Result | None:
        try:
            return work(path)
        except FileError:
            return None

    return (found for found in as_done(unless_unreadable, paths, "choose") if found is not None)


def has_colour(image: np.ndarray) -> bool:
    """Whether any pixel of [H, W, C] is not grey."""
    return image.shape[2] == 3 and bool((image != image[..., :1]).any())
