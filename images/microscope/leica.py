"""Leica LIF files, with the package liffile (BSD)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from liffile import LifFile

from images.formats.headers import Refusal, damaged
from images.microscope.stored import StoredVolume


def open_file(path: Path, most: int) -> StoredVolume:
    """Opens a file. Nothing of it is read in larger parts than planes, so `most` is not needed."""
    return LifVolume(path)


class LifVolume(StoredVolume):
    """The images of a file, which must be alike. "S" is the axis of the images."""

    def __init__(self, path: Path) -> None:
        self._file = LifFile(path)
        try:
            self._measure()
        except BaseException:
            self.close()
            raise

    def _measure(self) -> None:
        self._images = [image for image in self._file.images if not image.is_flim]
        kinds = {(tuple(image.sizes.items()), image.dtype) for image in self._images}
        if not kinds:
            raise Refusal("a Leica LIF without images", fix="replace it")
        if len(kinds) > 1:
            shown = ", ".join(" ".join(f"{axis}={n}" for axis, n in sizes) for sizes, _ in sorted(kinds, key=str)[:4])
            raise Refusal(f"images of different sizes ({shown})", fix="save each image of the file as an own TIFF")
        ((sizes, self.dtype),) = kinds
        sizes = dict(sizes)
        frame = tuple(self._images[0].frames.frame_dims)
        if frame not in (("Y", "X"), ("Y", "X", "S")):
            raise Refusal(f"frames with the axes {' '.join(frame)}", fix="save it as TIFF with the axes Y and X")
        for image in self._images:
            if image.nbytes > image.memory_block.size:
                raise damaged("Leica LIF", f"{image.nbytes} bytes of pixels in a block of {image.memory_block.size}")
        self.size = sizes.pop("Y"), sizes.pop("X")
        self._samples, self._channels = sizes.pop("S", 1), sizes.pop("C", 1)
        values = self._samples * self._channels
        lengths = sizes | {"S": len(self._images), "C": values}
        self.lengths = {axis: length for axis, length in lengths.items() if length > 1}
        self.channel_names = ()  # LIF has colours of channels, and no names

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        image = self._images[index.get("S", 0)]
        place = {axis: number for axis, number in index.items() if axis != "S"}
        several = [{"C": channel} for channel in range(self._channels)] if self._channels > 1 else [{}]
        frames = [image.frame(**place, **channel).reshape(*self.size, self._samples) for channel in several]
        return np.concatenate(frames, axis=-1)

    def close(self) -> None:
        self._file.close()
