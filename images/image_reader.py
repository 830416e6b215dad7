"""The way in which a run reads its images: training, validation and prediction get the same pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from images.intensity import measure_limits, to_channels, to_uint8
from images.reading import MAX_PIXELS, decode_image, read_image
from system.errors import FileError


@dataclass(frozen=True)
class ImageReader:
    """Files or arrays of any supported kind → [H, W, channels] uint8.

    Attributes:
        channels: 1 or 3; grey is repeated, and colours become their luminance.
        intensity: "native" leaves 8-bit pixels as they are and stretches others between percentiles of each image;
            "image" stretches 8-bit images in the same way; "run" stretches all images between `limits`.
        limits: (low, high) in the units of the files, for "run".
        max_pixels: an image of more pixels (H*W) is refused before it is decoded.
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
        """The same as `read`, for the bytes of a file."""
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
    paths: Sequence[Path], *, channels: int | str, intensity: str, max_pixels: int = MAX_PIXELS
) -> ImageReader:
    """The reader of a run, chosen by the images that it trains with.

    Images that cannot be read are left out here; reading the samples reports all of them at once.

    Args:
        channels: 1, 3 or "auto", which means 3 if any image has a pixel that is not grey, and else 1.
        intensity: see `ImageReader`; the limits for "run" are measured here.

    Raises:
        DataError: `intensity` is "run" and all measured pixels are equal.
    """
    if channels == "auto":
        channels = 3 if any(map(has_colour, _readable(paths, max_pixels))) else 1
    limits = None
    if intensity == "run" and next(_readable(paths, max_pixels), None) is not None:
        limits = measure_limits(_readable(paths, max_pixels))
    return ImageReader(channels, intensity, limits, max_pixels)


def _readable(paths: Sequence[Path], max_pixels: int) -> Iterator[np.ndarray]:
    """The images at `paths`, without those that cannot be read."""
    for path in paths:
        try:
            yield read_image(path, max_pixels=max_pixels)
        except FileError:
            continue


def has_colour(image: np.ndarray) -> bool:
    """Whether any pixel of [H, W, C] is not grey."""
    return image.shape[2] == 3 and bool((image != image[..., :1]).any())
