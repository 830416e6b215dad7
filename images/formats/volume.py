"""An image file that may hold several planes, as all formats of stacks show it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

UNKNOWN = "Q"  # the letter of an axis that a file does not describe


class Volume(ABC):
    """An open image file with axes besides height and width. Use it in a `with` block, which closes the file.

    Attributes:
        size: (H, W) of every plane in pixels, upright.
        lengths: letter of an axis → its length, for axes that are longer than 1. "T" is time, "Z" depth, "C" are the
            channels (the samples of RGB among them); other letters are those of the file. "Q" is an axis that the file
            does not describe.
        channel_names: the names that the file gives to its channels, in their order; empty if there are none.
    """

    size: tuple[int, int]
    lengths: dict[str, int]
    channel_names: tuple[str, ...]

    @property
    def channels(self) -> int:
        """The number of channels of a plane."""
        return self.lengths.get("C", 1)

    @property
    def stacked(self) -> dict[str, int]:
        """The axes that a plane is chosen from: `lengths` without the channels, time first. Empty for a plain image."""
        axes = sorted(self.lengths.keys() - {"C"}, key=lambda axis: (axis != "T", axis != "Z", axis))
        return {axis: self.lengths[axis] for axis in axes}

    @abstractmethod
    def read(self, index: Mapping[str, int]) -> np.ndarray:
        """Decodes one plane with all of its channels: [H, W, channels] of the file's dtype.

        Args:
            index: letter of each axis of `stacked` → number of the plane along it, from 0.

        Raises:
            images.formats.headers.Refusal: the plane is cut off or damaged.
        """

    def close(self) -> None:  # noqa: B027 - a volume in memory has nothing to close
        """Closes the file."""

    def __enter__(self) -> Volume:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
