"""Reads the files of a sample's truth at their own size: mask files, class maps or label maps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from images.reading import decode_class_map, decode_labels, decode_mask, read_bytes
from images.resize import resize_labels, resize_mask
from system.errors import FileError
from system.void import VOID

Value = int | tuple[int, int, int]  # the value of a class in a class map: a grey value, an index, or an RGB colour


@dataclass(frozen=True)
class Truth(ABC):
    """Reads and resizes the truth of a data folder.

    Attributes:
        where: the folder or the description file that names the classes, for messages.
        classes: names of the classes in the folder, in the order of its files or values.
        palette: the value of each class in class maps; None for other files.
        void: the value of pixels of unknown class; None if there are no such pixels.
    """

    palette = void = None  # no fields: only `ClassMaps` has fields of these names
    where: Path
    classes: tuple[str, ...] = ()

    def values(self) -> dict[str, object]:
        """Returns the palette and the void value as plain Python, for a checkpoint: numbers, lists and None."""
        plain = lambda value: list(map(plain, value)) if isinstance(value, tuple | list) else value
        return {"palette": plain(self.palette), "void": plain(self.void)}

    def read(
        self, files: Sequence[Path | None], *, like: Path | str, shape: tuple[int, int], max_pixels: int
    ) -> np.ndarray:
        """Reads the truth of one sample at its own size: [H, W, files].

        Args:
            files: one file per class, where None is an empty mask; or a single map.
            like: the path of the image, or another name for it, for messages.
            shape: (height, width) of the image, which all files must have.
            max_pixels: larger files are refused before they are decoded.

        Raises:
            FileError: a file is unreadable, has another size, or holds values that are not allowed.
        """
        channels = [np.zeros(shape, np.uint8)] * len(files)
        for k, path in enumerate(files):
            if path is None:
                continue
            channels[k] = self.decode(read_bytes(path, max_pixels=max_pixels), str(path), max_pixels)
            if channels[k].shape != shape:
                found, wanted = ("×".join(map(str, size)) for size in (channels[k].shape, shape))
                found, fix = f"{found} pixels, but {like} has {wanted}", "make both the same size"
                raise FileError(str(path), found=found, fix=fix)
        return np.stack(channels, axis=-1)

    @abstractmethod
    def decode(self, data: bytes, name: str, max_pixels: int) -> np.ndarray:
        """Decodes one file, which messages call `name`: [H, W] of an integer dtype."""

    @abstractmethod
    def masks(self, truth: np.ndarray) -> np.ndarray:
        """Turns [H, W, channels], as `read` or `resize` returns it, into masks [H, W, K] uint8 {0, 1}, 255 is void."""

    def resize(self, truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes [H, W, channels], as `read` returns it, to [*size, channels]. Each pixel takes the nearest value."""
        return np.stack([resize_labels(truth[..., k], size) for k in range(truth.shape[-1])], axis=-1)


@dataclass(frozen=True)
class MaskFiles(Truth):
    """The truth is a mask file of {0, 1} for each class.

    Attributes:
        threshold: where soft masks are cut, as a share of the file's full range.
    """

    threshold: float | None = None

    def decode(self, data: bytes, name: str, max_pixels: int) -> np.ndarray:
        return decode_mask(data, name, threshold=self.threshold, max_pixels=max_pixels)

    def masks(self, truth: np.ndarray) -> np.ndarray:
        return truth

    def resize(self, truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes [H, W, classes] to [*size, classes]: 1 where at least half of a pixel's area is foreground."""
        return np.stack([resize_mask(truth[..., k], size) for k in range(truth.shape[-1])], axis=-1)


@dataclass(frozen=True)
class LabelForeground(MaskFiles):
    """The truth is a label map for each class, of which only the foreground is read: masks of {0, 1}."""

    def decode(self, data: bytes, name: str, max_pixels: int) -> np.ndarray:
        return (decode_labels(data, name, max_pixels=max_pixels) > 0).view(np.uint8)


@dataclass(frozen=True)
class ExclusiveMaskFiles(MaskFiles):
    """The truth is a mask file of {0, 1} for each class, and the classes never overlap.

    The files are read as class indices: 0 where there is no mask, else 1, 2, … in the order of the classes.
    """

    def read(
        self, files: Sequence[Path | None], *, like: Path | str, shape: tuple[int, int], max_pixels: int
    ) -> np.ndarray:
        masks = super().read(files, like=like, shape=shape, max_pixels=max_pixels)
        shared = masks.sum(axis=-1, dtype=np.uint16) > 1
        if shared.any():
            touched = ", ".join(str(path) for k, path in enumerate(files) if masks[shared, k].any())
            found = f"{int(shared.sum())} pixels belong to more than one class"
            fix = "task: multiclass needs each pixel in one class; correct the masks, or set task: multilabel"
            raise FileError(touched, found=found, fix=fix)
        return (masks * np.arange(1, masks.shape[-1] + 1, dtype=np.uint8)).sum(axis=-1, dtype=np.uint8)[..., None]

    def resize(self, truth: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Resizes [H, W, 1] class indices to [*size, 1]. Each pixel takes the nearest value."""
        return Truth.resize(self, truth, size)


@dataclass(frozen=True)
class ClassMaps(Truth):
    """The truth is one file per image with all classes. The first class is the background.

    Attributes:
        palette: the value of each class.
        void: the value of pixels of unknown class; None if there are no such pixels.
    """

    palette: tuple[Value, ...] = ()
    void: Value | None = None

    def decode(self, data: bytes, name: str, max_pixels: int) -> np.ndarray:
        return decode_class_map(data, name, palette=self.palette, void=self.void, max_pixels=max_pixels)

    def masks(self, truth: np.ndarray) -> np.ndarray:
        masks = (truth == np.arange(1, len(self.palette))).astype(np.uint8)
        return np.where(truth == VOID, np.uint8(VOID), masks)


@dataclass(frozen=True)
class LabelMaps(Truth):
    """The truth is one file of instance ids per image; 0 is background."""

    def decode(self, data: bytes, name: str, max_pixels: int) -> np.ndarray:
        return decode_labels(data, name, max_pixels=max_pixels)

    def masks(self, truth: np.ndarray) -> np.ndarray:
        return (truth > 0).astype(np.uint8)
