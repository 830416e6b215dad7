"""Zeiss CZI files, with the package pylibCZIrw of Zeiss (LGPL 3, not part of this project)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pylibCZIrw.czi import CziReader

from images.formats.headers import Refusal
from images.microscope.stored import StoredVolume

DTYPES = {
    "Gray8": np.uint8,
    "Gray16": np.uint16,
    "Gray32Float": np.float32,
    "Bgr24": np.uint8,
    "Bgr48": np.uint16,
    "Bgr96Float": np.float32,
}


def open_file(path: Path, most: int) -> StoredVolume:
    """Opens a file. Nothing of it is read in larger parts than planes, so `most` is not needed."""
    return CziVolume(path)


class CziVolume(StoredVolume):
    """The scenes of a file, in which the tiles of a scene are put together. "S" is the axis of the scenes."""

    def __init__(self, path: Path) -> None:
        self._reader = CziReader(str(path))
        try:
            self._measure()
        except BaseException:
            self.close()
            raise

    def _measure(self) -> None:
        box = self._reader.total_bounding_box_no_pyramid
        self._scenes = self._reader.scenes_bounding_rectangle_no_pyramid
        places = list(self._scenes.values()) or [self._reader.total_bounding_rectangle_no_pyramid]
        sizes = {(place.h, place.w) for place in places}
        if len(sizes) > 1:
            shown = ", ".join(f"{height}×{width}" for height, width in sorted(sizes)[:6])
            raise Refusal(f"scenes of different sizes ({shown})", fix="split it into scenes (ZEN: Split Scenes)")
        (self.size,) = sizes
        kinds = set(self._reader.pixel_types.values())
        if len(kinds) > 1 or not kinds <= DTYPES.keys():
            shown = ", ".join(sorted(map(str, kinds)))
            raise Refusal(f"pixels of the types {shown}", fix=f"save all channels as one of {', '.join(DTYPES)}")
        (kind,) = kinds
        self.dtype = np.dtype(DTYPES[kind])
        self._colour = kind.startswith("Bgr")
        ranges = {axis: span for axis, span in box.items() if axis not in "XY"}
        self._first = {axis: span[0] for axis, span in ranges.items()}
        lengths = {axis: span[1] - span[0] for axis, span in ranges.items()} | {"S": len(places)}
        self._channels = lengths.pop("C", 1)
        lengths["C"] = self._channels * (3 if self._colour else 1)
        self.lengths = {axis: length for axis, length in lengths.items() if length > 1}
        self._places = places
        self.channel_names = () if self._colour else self._names()

    def _names(self) -> tuple[str, ...]:
        """The names of the channels; none if the metadata are not as usual."""
        try:
            image = self._reader.metadata["ImageDocument"]["Metadata"]["Information"]["Image"]
            channels = image["Dimensions"]["Channels"]["Channel"]
            names = tuple(str(channel["@Name"]) for channel in ([channels] if isinstance(channels, dict) else channels))
        except (KeyError, TypeError):
            return ()
        return names if len(names) == self._channels else ()

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        scene = index.get("S", 0)
        axes = {axis: index.get(axis, 0) + first for axis, first in self._first.items()}
        number = list(self._scenes)[scene] if self._scenes else None
        planes = []
        for channel in range(self._channels):
            plane = axes | ({"C": channel + self._first["C"]} if "C" in self._first else {})
            pixels = self._reader.read(roi=tuple(self._places[scene]), plane=plane, scene=number)
            planes.append(pixels[..., ::-1] if self._colour else pixels)
        return np.concatenate(planes, axis=-1)

    def close(self) -> None:
        self._reader.close()
