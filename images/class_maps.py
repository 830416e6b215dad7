"""Class maps ↔ one-hot masks, by a palette of whole numbers or of colours.

A palette lists the value of every class in the order of the classes. A palette of numbers, such as [0, 1, 2], belongs
to maps without a channel axis. A palette of lists, such as [[0], [1]] or the RGB colours [[0, 0, 0], [255, 0, 0]],
belongs to maps whose last axis holds as many channels. Maps may have any number of space axes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from system.errors import DataError, FileError
from system.void import VOID

MAX_CLASSES = VOID  # their indices are 0 to 254
Palette = Sequence[int] | Sequence[Sequence[int]]
_SHOWN = 6  # the most values that an error lists


def class_indices(
    mask: np.ndarray, palette: Palette, *, void: int | Sequence[int] | None = None, name: str = ""
) -> np.ndarray:
    """Turns a map [*space] or [*space, channels] of integers into class indices [*space] uint8; void becomes 255.

    Args:
        palette: value or colour of each class; there are at most 255, and all are different.
        void: value or colour of pixels of unknown class, which is not in the palette.
        name: what messages call the file.

    Raises:
        DataError: the map has values that the palette does not have; a `FileError` if there is a name.
        ValueError: the palette has equal entries or too many, or it does not fit the map.
    """
    entries = np.asarray(palette if void is None else [*palette, void])
    codes = _codes(entries.reshape(len(entries), -1))
    if len(np.unique(codes)) < len(codes) or len(palette) > MAX_CLASSES:
        raise ValueError(f"a palette has at most {MAX_CLASSES} entries, all different; got {entries.tolist()}")
    channels = entries.shape[1:]
    if mask.dtype.kind not in "iu" or mask.shape[mask.ndim - len(channels) :] != channels:
        expected = f"[*space, {channels[0]}]" if channels else "[*space]"
        raise ValueError(f"the palette is for an integer map {expected}; got {mask.dtype} {list(mask.shape)}")
    order = np.argsort(codes)
    pixel_codes = _codes(mask if channels else mask[..., None])
    found = order[np.searchsorted(codes, pixel_codes, sorter=order).clip(max=len(codes) - 1)]
    unknown = codes[found] != pixel_codes
    if unknown.any():
        raise _values_outside_palette(mask[unknown], entries, name)
    if void is not None:
        found[found == len(palette)] = VOID
    return found.astype(np.uint8)


def mask_to_onehot(mask: np.ndarray, palette: Palette, *, name: str = "") -> np.ndarray:
    """Turns such a map into masks [*space, K] bool, of which exactly one is true at every pixel.

    Raises:
        DataError, ValueError: as `class_indices` does.
    """
    return class_indices(mask, palette, name=name)[..., None] == np.arange(len(palette))


def onehot_to_mask(onehot: np.ndarray, palette: Palette) -> np.ndarray:
    """Turns masks or scores [*space, K] into a map [*space] or [*space, channels] of the palette's entries.

    This is the inverse of `mask_to_onehot`. The largest of the K counts, and of several equal ones the first. The dtype
    is the smallest unsigned one that holds the palette.

    Raises:
        ValueError: the last axis does not have the length of the palette.
    """
    entries = np.asarray(palette)
    if onehot.shape[-1] != len(entries):
        raise ValueError(f"{onehot.shape[-1]} channels, but a palette of {len(entries)} entries")
    return entries.astype(np.min_scalar_type(int(entries.max())))[onehot.argmax(-1)]


def _codes(values: np.ndarray) -> np.ndarray:
    """[..., channels] integers → [...] int64, one number for each combination; several channels hold less than 2²¹."""
    shifts = 21 * np.arange(values.shape[-1])[::-1]
    return (values.astype(np.int64) << shifts).sum(-1)


def _values_outside_palette(values: np.ndarray, entries: np.ndarray, name: str) -> DataError:
    """The error for pixels [n] or [n, channels] that have none of the palette's values [K] or [K, channels]."""
    different, counts = np.unique(values, axis=0, return_counts=True)
    most = np.argsort(-counts, kind="stable")[:_SHOWN]
    listed = ", ".join(f"{different[i].tolist()} in {counts[i]} pixels" for i in most)
    more = f" and {len(different) - _SHOWN} more" if len(different) > _SHOWN else ""
    found = f"values that the palette does not have: {listed}{more}"
    place = "classes and palette of dataset.yaml (or as void:)"
    fix = f"allowed are {entries.tolist()}: add them to {place}, or mend the map"
    return FileError(name, found=found, fix=fix) if name else DataError(f"{found}; {fix}")
