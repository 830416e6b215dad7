"""The way in which a run reads its images: training, validation and prediction get the same pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from images.intensity import to_channels, to_uint8
from images.planes import Selection
from images.reading import MAX_PIXELS, decode_image, read_image
from system.errors import ConfigError, FileError

Limits = tuple[float, float]
CONVERTIBLE = (1, 3)  # grey and RGB, which a run may turn into each other
ANY = 0  # a number of channels: that of each file
KINDS = {1: "grey", 3: "RGB"}


@dataclass(frozen=True, order=True)
class ImageFile:
    """One image of a file that may hold several. It stands where else the path of a file stands.

    Attributes:
        id: names its results, such as "A01/i0" or "cells/z003".
        path: the file.
        plane: which of them, see `images.planes.parse_plane`; None takes the plane of the run.
    """

    id: str
    path: Path
    plane: str | None = None

    def resolve(self) -> ImageFile:
        """Returns the same with an absolute path."""
        return replace(self, path=self.path.resolve())

    def __str__(self) -> str:
        return str(self.path) if self.plane is None else f"{self.path} ({self.plane})"


@dataclass(frozen=True)
class ImageReader:
    """Files or arrays of any supported kind → [H, W, channels] uint8.

    Attributes:
        channels: of the images that the run sees; `ANY` for a reader that only opens files. Between 1 and 3 files are
            converted: grey is repeated, and colours become their luminance. Files of another number are refused.
        intensity: "native" leaves 8-bit pixels as they are and stretches others between percentiles of each image;
            "image" stretches 8-bit images in the same way; "run" stretches all images between `limits`.
        limits: (low, high) in the units of the files, for "run"; one pair for each channel if `per_channel`.
        max_pixels: an image of more pixels (H*W) is refused before it is decoded.
        plane: the plane of a stack, see `images.planes.parse_plane`; None refuses stacks.
        select: numbers or names of the channels that are taken from each file; None takes all.
        chosen: the same for a prediction whose files have their channels elsewhere; it takes the place of `select`, and
            what it takes is then converted as a file of so many channels is. It is not stored.
        pages_are_channels: a file of `channels` pages without a description is an image of so many channels.
        converted: file → number of its channels, for each file that was read and converted. It is not stored.
    """

    channels: int = 3
    intensity: str = "native"
    limits: Limits | tuple[Limits, ...] | None = None
    max_pixels: int = MAX_PIXELS
    plane: str | None = None
    select: tuple[int | str, ...] | None = None
    pages_are_channels: bool = False
    chosen: tuple[int | str, ...] | None = None
    converted: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    @property
    def per_channel(self) -> bool:
        """Whether every channel has limits of its own, because the channels are different stains."""
        return self.select is not None or self.channels not in CONVERTIBLE

    @property
    def is_rgb(self) -> bool:
        """Whether the channels are red, green and blue, and no stains."""
        return self.channels == 3 and not self.per_channel

    def selection(self, image: Path | ImageFile) -> Selection:
        """Returns which part of a file this run reads."""
        channels = self.select if self.chosen is None else self.chosen
        pages = None
        if self.pages_are_channels or self.chosen is not None:
            pages = self.channels if channels is None else "any"
        plane = image.plane if isinstance(image, ImageFile) else None
        return Selection(self.plane if plane is None else plane, channels, pages)

    def choosing(self, channels: Sequence[int | str]) -> ImageReader:
        """Returns a reader that takes these channels from each file, by their numbers (from 0) or names.

        Raises:
            ConfigError: the run does not read so many.
        """
        if not self.takes(len(channels)):
            found = f"{len(channels)} channel{'s' * (len(channels) > 1)}, but the run reads {self._reads}"
            allowed = "1 or 3" if self._converts else self.channels
            raise ConfigError(f"channels {list(channels)}: {found}; choose {allowed}")
        return replace(self, chosen=tuple(channels))

    def read(self, path: Path | ImageFile) -> np.ndarray:
        """Reads a file: [H, W, channels] uint8.

        Raises:
            DataError: the file cannot be used.
        """
        return self.convert(self.open(path))

    def open(self, path: Path | ImageFile) -> np.ndarray:
        """Reads what `convert` takes: the selected channels and plane of a file, [H, W, C] of its dtype.

        Raises:
            DataError: the file cannot be used, or it has another number of channels.
        """
        image = self.any_channels(path)
        self.require_channels(image.shape[2], str(path))
        return image

    def any_channels(self, path: Path | ImageFile) -> np.ndarray:
        """Does the same as `open`, whatever the number of the channels: the choice of a reader depends on it."""
        file = path.path if isinstance(path, ImageFile) else path
        return read_image(file, max_pixels=self.max_pixels, selection=self.selection(path))

    def decode(self, data: bytes, name: str) -> np.ndarray:
        """Does the same as `read` with the bytes of a file."""
        return self.convert(self.decoded(data, name))

    def decoded(self, data: bytes, name: str) -> np.ndarray:
        """Does the same as `open` with the bytes of a file."""
        image = decode_image(data, name, max_pixels=self.max_pixels, selection=self.selection(Path(name)))
        self.require_channels(image.shape[2], name)
        return image

    def takes(self, channels: int) -> bool:
        """Whether images of so many channels can be read."""
        converted = self._converts and channels in CONVERTIBLE
        return channels == self.channels or converted or self.channels == ANY

    @property
    def _converts(self) -> bool:
        return self.select is None and self.channels in CONVERTIBLE

    @property
    def _reads(self) -> str:
        return "grey and RGB images" if self._converts else str(self.channels)

    def require_channels(self, channels: int, name: str) -> None:
        """Refuses a file of a number of channels that the run cannot read, and notes one that it converts.

        Raises:
            FileError: it has such a number.
        """
        if not self.takes(channels):
            found = f"{channels} channel{'s' * (channels > 1)}, but the run reads {self._reads}"
            raise FileError(name, found=found, fix=self._remedy(channels))
        if channels != self.channels != ANY:
            self.converted[name] = channels

    def _remedy(self, channels: int) -> str:
        """What to do about a file of so many channels, which the run cannot read, in training and in prediction."""
        if self._converts:
            return (
                "take one of them as grey, such as the second, because they count from 0: data.channels=[1] in a "
                'training (1 without brackets says how many), or --channels "[1]" of predict.py and of val.py --data'
            )
        if channels < self.channels:
            what = f"give images of {self.channels} channels"
            return f"{what}; a training without data.channels takes the channels that its images have"
        example = list(range(self.channels))
        some = f"choose {self.channels} of them, such as data.channels={example} in a training"
        return f'{some}, or --channels "{example}" of predict.py and of val.py --data'

    def convert(self, image: np.ndarray) -> np.ndarray:
        """Turns a decoded image [H, W, C] of any dtype, where the run takes C, into [H, W, channels] uint8."""
        stretch = self.intensity != "native"
        if not self.per_channel:
            return to_channels(to_uint8(image, self.limits, stretch=stretch), self.channels)
        limits = self.limits or [None] * self.channels
        planes = [to_uint8(image[..., [c]], limits[c], stretch=stretch) for c in range(self.channels)]
        return np.concatenate(planes, axis=-1)

    def conversions(self, images: int) -> list[str]:
        """Returns sentences about what was converted, such as "12 of 40 images are grey and are read as RGB"."""
        counts = sorted(Counter(self.converted.values()).items())
        return [f"{n} of {images} images are {KINDS[c]} and are read as {KINDS[self.channels]}" for c, n in counts]

    def to_dict(self) -> dict[str, object]:
        """Returns plain Python for a checkpoint; `ImageReader.from_dict` reads it back."""
        return {
            "channels": self.channels,
            "intensity": self.intensity,
            "limits": _nested(self.limits, list),
            "max_pixels": self.max_pixels,
            "plane": self.plane,
            "select": None if self.select is None else list(self.select),
            "pages_are_channels": self.pages_are_channels,
        }

    @classmethod
    def from_dict(cls, values: Mapping) -> ImageReader:
        """Reads what `to_dict` returned; checkpoints of earlier versions have only its first four keys."""
        select = values.get("select")
        read = {"limits": _nested(values["limits"], tuple), "select": None if select is None else tuple(select)}
        return cls(**{**values, **read})


def _nested(limits: Sequence | None, kind: type) -> Sequence | None:
    """One pair of limits, or several, as lists or as tuples."""
    if limits is None:
        return None
    return kind(kind(one) if isinstance(one, Sequence) else one for one in limits)
