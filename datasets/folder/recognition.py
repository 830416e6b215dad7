"""Recognises by the pixels of a few files whether they are masks, label maps or class maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from images.reading import MAX_PIXELS, decode_labels, read_bytes
from system.errors import FileError
from system.spread import spread

FILES = 24  # that are looked at; the others are read as these are, and refused where they do not fit
FULL = ({255}, {65535})  # the values of a mask; {1} may as well be a label map of one cell
PIECES = 1.5  # per value at most: an id is one object, which others may cut into pieces
FEW_VALUES = 4  # up to here, compact objects may be classes as well …
DIFFERENT_COUNTS = 3  # … unless files number them from 1 to so many different numbers
SHOWN = 6


@dataclass
class Evidence:
    """What was found in some files of truth.

    Attributes:
        files: how many files have values as label maps may have them.
        values: all values but 0.
        values_of_files, pieces: how many values each file has, added up; and how many connected pieces of one value.
        several: how many files have more than one value besides 0.
        masks: how many files have one value, which says that they are masks.
        counts: how many values files have.
        gaps: whether a file has other values than 1, 2, 3, … without a gap.
    """

    files: int = 0
    values: set[int] = field(default_factory=set)
    values_of_files: int = 0
    pieces: int = 0
    several: int = 0
    masks: int = 0
    counts: set[int] = field(default_factory=set)
    gaps: bool = False

    def add(self, labels: np.ndarray) -> None:
        """Adds one file: [H, W] integers from 0."""
        found = set(np.unique(labels).tolist()) - {0}
        self.files += 1
        self.values |= found
        self.values_of_files += len(found)
        self.pieces += _pieces(labels)
        self.several += len(found) > 1
        self.masks += found in FULL
        self.counts.add(len(found))
        self.gaps |= found != set(range(1, len(found) + 1))

    @property
    def are_masks(self) -> bool:
        """Whether more files look like masks than have several values, or all have the value 1."""
        return self.masks >= self.several and (self.masks > 0 or self.values <= {1})

    @property
    def are_compact(self) -> bool:
        """Whether each value is one object in nearly every file."""
        return 0 < self.pieces <= PIECES * self.values_of_files

    @property
    def kind(self) -> str:
        """Returns "masks"; "labels", if each value is a compact object; or "unclear", if classes look like this, too.

        Values that are neither those of masks nor compact, such as the soft edges of masks, count as masks. Reading
        refuses files that are not what most of them are.
        """
        if self.are_masks or not self.are_compact:
            return "masks"
        return "labels" if len(self.values) > FEW_VALUES or self.are_numbered else "unclear"

    @property
    def are_numbered(self) -> bool:
        """Whether each file numbers its objects from 1, and some have more than others, as classes rarely do."""
        return not self.gaps and len(self.counts) >= DIFFERENT_COUNTS

    def values_text(self) -> str:
        """Returns the values in words."""
        listed = sorted(self.values)
        shown = ", ".join(map(str, listed[:SHOWN])) + (", …" if len(listed) > SHOWN else "")
        return f"value{'s' * (len(listed) > 1)} {shown} besides 0" if listed else "no value but 0"

    def __str__(self) -> str:
        return f"{self.values_text()}, each in one piece, in {self.files} files"


def look_at(paths: Sequence[Path], *, max_pixels: int = MAX_PIXELS) -> Evidence:
    """Looks at some files of the truth, evenly spread over all of them. Files that cannot be label maps are left out.

    The same files give the same evidence, so that the check of a data folder and a training agree.
    """
    evidence = Evidence()
    for labels in _readable(spread(paths, FILES), max_pixels):
        evidence.add(labels)
    return evidence


def _readable(paths: Sequence[Path], max_pixels: int) -> Iterator[np.ndarray]:
    for path in paths:
        try:
            yield decode_labels(read_bytes(path, max_pixels=max_pixels), str(path), max_pixels=max_pixels)
        except FileError:  # reading the samples reports it
            continue


def _pieces(labels: np.ndarray) -> int:
    """Counts the connected pieces of equal values but 0, in the 8-neighbourhood."""
    from skimage.measure import label

    return int(label(labels, background=0, connectivity=2).max())
