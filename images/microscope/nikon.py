"""Nikon ND2 files, with the package nd2 (BSD)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import nd2
import numpy as np

from images.microscope.stored import StoredVolume


def open_file(path: Path, most: int) -> StoredVolume:
    """Opens a file. Nothing of it is read in larger parts than planes, so `most` is not needed."""
    return Nd2Volume(path)


class Nd2Volume(StoredVolume):
    """The frames of a file. Its axes are "T", "Z", "P" (positions of the stage) and "C"."""

    def __init__(self, path: Path) -> None:
        self._file = nd2.ND2File(path)
        try:
            sizes = dict(self._file.sizes)  # the loops in the order of the frames, then C, Y, X and S
            self.size = sizes.get("Y", 1), sizes.get("X", 1)
            self._loops = {axis: length for axis, length in sizes.items() if axis not in "CYXS"}
            self._samples = self._file.components_per_channel
            self._channels = self._file.attributes.channelCount or 1
            values = self._samples * self._channels
            self.lengths = self._loops | ({"C": values} if values > 1 else {})
            self.dtype = self._file.dtype
            self.channel_names = self._names()
        except BaseException:
            self.close()
            raise

    def _names(self) -> tuple[str, ...]:
        """The names of the channels; none for RGB, and if the metadata are not as usual."""
        try:
            names = tuple(str(one.channel.name) for one in self._file.metadata.channels or ())
        except Exception:  # the package raises errors of any kind here, and the pixels need no names
            return ()
        return names if self._samples == 1 and len(names) == self._channels else ()

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        number = 0
        for axis, length in self._loops.items():
            number = number * length + index[axis]
        frame = self._file.read_frame(number).reshape(self._channels, *self.size, self._samples)
        # A copy, because a frame can be a view of the mapped file, which would crash once the file is closed.
        return np.array(np.moveaxis(frame, 0, 2).reshape(*self.size, -1))

    def close(self) -> None:
        self._file.close()
