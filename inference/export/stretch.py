"""The step from pixels as they are in files to 0 … 255, in the words of BioImage.IO."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from images.image_reader import ImageReader
from images.intensity import PERCENTILES

SMALLEST = 1e-9  # is added to the range of an image, which may be 0


@dataclass(frozen=True)
class Stretch:
    """What happens to the pixels of a tile before an exported network.

    The program itself rounds the result to whole numbers, and a package of BioImage.IO does not.

    Attributes:
        dtype: of the pixels: "uint8" if they are taken as they are.
        percentiles: of the image, which become 0 and 255; None if they are not measured.
        per_channel: whether each channel has its own.
        limits: (low, high) of each channel in the units of the files; None if they are measured or not needed.
    """

    dtype: str = "float32"
    percentiles: tuple[float, float] | None = None
    per_channel: bool = False
    limits: tuple[tuple[float, float], ...] | None = None

    def steps(self) -> list[dict]:
        """Returns the preprocessing of BioImage.IO."""
        clip = {"id": "clip", "kwargs": {"min": 0.0, "max": 255.0}}
        if self.percentiles is not None:
            low, high = self.percentiles
            axes = ["y", "x"] if self.per_channel else ["channel", "y", "x"]
            measured = {"axes": axes, "min_percentile": low, "max_percentile": high, "eps": SMALLEST}
            gain = {"id": "scale_linear", "kwargs": {"gain": 255.0, "offset": 0.0}}
            return [{"id": "scale_range", "kwargs": measured}, gain, clip, *_ends_in_float()]
        if self.limits is not None:
            gains = [255 / (high - low) for low, high in self.limits]
            offsets = [-low * gain for (low, _), gain in zip(self.limits, gains, strict=True)]
            scale = {"axis": "channel", "gain": gains, "offset": offsets}
            return [{"id": "scale_linear", "kwargs": scale}, clip, *_ends_in_float()]
        return _ends_in_float()

    def apply(self, tile: np.ndarray) -> np.ndarray:
        """Computes the steps for one tile: [C, height, width] of any dtype → float32 of the same shape."""
        if self.percentiles is not None:
            axes = (1, 2) if self.per_channel else (0, 1, 2)
            low, high = np.percentile(tile.astype(np.float64), self.percentiles, axis=axes, keepdims=True)
            high = high + SMALLEST
        elif self.limits is not None:
            low, high = np.array(self.limits).T[..., None, None]
        else:
            return tile.astype(np.float32)
        return ((tile - low) / (high - low) * 255).clip(0, 255).astype(np.float32)


def stretch_of(reader: ImageReader) -> Stretch:
    """Returns what a package can say of the way in which a run reads images.

    A run that leaves 8-bit images as they are measures others. A package has one way for all, so it takes 8 bits only.
    """
    if reader.limits is not None:
        limits = reader.limits if reader.per_channel else [reader.limits] * reader.channels
        return Stretch(limits=tuple((float(low), float(high)) for low, high in limits))
    if reader.intensity == "native":
        return Stretch(dtype="uint8")
    return Stretch(percentiles=PERCENTILES, per_channel=reader.per_channel)


def _ends_in_float() -> list[dict]:
    return [{"id": "ensure_dtype", "kwargs": {"dtype": "float32"}}]
