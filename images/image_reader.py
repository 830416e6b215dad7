"""A run's way of reading images: the same pixels in training, validation and prediction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from images.intensity import measure_limits, to_channels, to_uint8
from images.reading import MAX_PIXELS, decode_image, read_image
from system.errors import DataError


@dataclass(frozen=True)
class ImageReader:
    """Files or arrays of any supported kind → [H, W, channels] uint8.

    Attributes:
        channels: 1 or 3; grey is repeated, colour becomes its luminance.
        intensity: "native" leaves 8-bit pixels as they are and stretches others between robust percentiles of each
            image; "image" stretches every image so; "run" stretches between `limits`.
        limits: (low, high) in the files' units, for "run".
        max_pixels: larger images are refused before they are decoded.
    """

    channels: int = 3
    intensity: str = "native"
    limits: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS

    def read(self, path: Path) -> np.ndarray:
        """[H, W, channels] uint8 of a file.

        Raises:
            DataError: the file cannot be used.
        """
        return self.convert(read_image(path, max_pixels=self.max_pixels))

    def decode(self, data: bytes, name: str) -> np.ndarray:
        """`read` of a file's bytes."""
        return self.convert(decode_image(data, name, max_pixels=self.max_pixels))

    def convert(self, image: np.ndarray) -> np.ndarray:
        """[H, W, channels] uint8 of a decoded [H, W, C] image of any dtype."""
        return to_channels(to_uint8(image, self.limits, stretch=self.intensity != "native"), self.channels)

    def to_dict(self) -> dict[str, object]:
        """Plain Python for a checkpoint; `ImageReader.from_dict` reads it back."""
        return asdict(self) | {"limits": None if self.limits is None else list(self.limits)}

    @classmethod
    def from_dict(cls, values: dict) -> ImageReader:
        return cls(**values | {"limits": None if values["limits"] is None else tuple(values["limits"])})


def choose_reader(
    paths: Iterable[Path], *, channels: int | str, intensity: str, max_pixels: int = MAX_PIXELS
) -> ImageReader:
    """The reader of a run, from the images it trains with.

    Args:
        channels: 1, 3, or "auto": 3 where any image has a pixel whose channels differ.
        intensity: see `ImageReader`; "run" measures its limits here.

    Images that cannot be read are passed over here: reading the samples tells them all at once.

    Raises:
        DataError: `intensity` is "run" and all pixels are equal.
    """
    paths = list(paths)
    if channels == "auto":
        channels = 3 if any(map(has_colour, _readable(paths, max_pixels))) else 1
    limits = None
    if intensity == "run" and next(_readable(paths, max_pixels), None) is not None:
        limits = measure_limits(_readable(paths, max_pixels))
    return ImageReader(channels, intensity, limits, max_pixels)


def _readable(paths: Iterable[Path], max_pixels: int) -> Iterator[np.ndarray]:
    for path in paths:
        try:
            yield read_image(path, max_pixels=max_pixels)
        except DataError:
            continue


def has_colour(image: np.ndarray) -> bool:
    """Whether any pixel of [H, W, C] is not grey."""
    return image.shape[2] == 3 and bool((image != image[..., :1]).any())
