"""The cells of a label map: their ids, areas and boxes, and their pixels, a band of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

PIXELS = 2**22  # of a strip or a band of rows
TABLE = 2**24  # a table of so many ids takes 64 MB


@dataclass(frozen=True)
class LabelMap:
    """A label map, and what is known of its cells.

    Attributes:
        name: the id of its image.
        file: the file of its image, relative to the folder of the images.
        labels: [H, W] integers, 0 is background, in the memory or in a file (`numpy.memmap`). Ids may have gaps.
        class_name: what its cells are.
        confidence_of: label → confidence in (0, 1]; empty if none are known.
    """

    name: str
    file: str
    labels: np.ndarray
    class_name: str
    confidence_of: dict[int, float]

    @cached_property
    def cells(self) -> Cells:
        return find_cells(self.labels)


@dataclass(frozen=True)
class Cells:
    """The cells of a label map, by ascending ids.

    Attributes:
        ids: [n] int64.
        areas: [n] int64, in pixels.
        boxes: [n, 4] int64, (top, left, bottom, right); the row `bottom` and the column `right` lie behind the cell.
    """

    ids: np.ndarray
    areas: np.ndarray
    boxes: np.ndarray


@dataclass(frozen=True)
class Band:
    """Some of the cells, whole, in the rows of the label map that they need.

    Attributes:
        top: the first of these rows.
        members: [m] int64, the places of the cells in `Cells`.
        numbers: [rows, W] int32, 1 … m for the pixels of the members, and 0 for all others.
    """

    top: int
    members: np.ndarray
    numbers: np.ndarray


@dataclass(frozen=True)
class Runs:
    """Runs of equal values above 0 in lines, ordered by line and start. Each attribute is an array [n].

    Attributes:
        values: the value of a run.
        lines: int64, the number of its line.
        starts: int64, its first place in the line.
        lengths: int64, in pixels.
    """

    values: np.ndarray
    lines: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


def runs_of(array: np.ndarray) -> Runs:
    """Finds the runs in the rows of an array [lines, places] of integers from 0. No run goes on in the next row."""
    padded = np.zeros((len(array), array.shape[1] + 1), array.dtype)
    padded[:, :-1] = array
    flat = padded.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, ends = np.append(0, changes), np.append(changes, len(flat))
    kept = flat[starts] > 0
    starts, ends = starts[kept], ends[kept]
    lines, places = np.divmod(starts, padded.shape[1])
    return Runs(flat[starts], lines, places, ends - starts)


def find_cells(labels: np.ndarray) -> Cells:
    """Finds the cells of a label map [H, W], a strip of rows at a time."""
    step = max(1, PIXELS // labels.shape[1])
    found = Cells(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64))
    for top in range(0, len(labels), step):
        runs = runs_of(np.asarray(labels[top : top + step]))
        rows = runs.lines + top
        boxes = np.stack([rows, runs.starts, rows + 1, runs.starts + runs.lengths], axis=1)
        here = _joined(runs.values.astype(np.int64), runs.lengths, boxes)
        found = _joined(*(np.concatenate(pair) for pair in zip(_parts(found), _parts(here), strict=True)))
    return found


def _parts(cells: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return cells.ids, cells.areas, cells.boxes


def _joined(ids: np.ndarray, areas: np.ndarray, boxes: np.ndarray) -> Cells:
    """Parts of cells, in any order → the cells."""
    order = np.argsort(ids, kind="stable")
    ids, areas, boxes = ids[order], areas[order], boxes[order]
    first = np.flatnonzero(np.diff(ids, prepend=-1))
    if not len(first):
        return Cells(ids, areas, boxes)
    low, high = np.minimum.reduceat(boxes[:, :2], first), np.maximum.reduceat(boxes[:, 2:], first)
    return Cells(ids[first], np.add.reduceat(areas, first), np.concatenate([low, high], axis=1))


def bands(labels: np.ndarray, cells: Cells) -> Iterator[Band]:
    """Yields all cells, each in exactly one band: those that begin in the same rows come together.

    The memory grows with the width of the label map and the height of its highest cell, not with its own height.

    Args:
        labels: [H, W], the label map.
        cells: its cells, as `find_cells` returns them.
    """
    step = max(1, PIXELS // labels.shape[1])
    tops = cells.boxes[:, 0] // step
    order = np.argsort(tops, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(tops[order])) + 1):
        if len(members):
            top, bottom = cells.boxes[members, 0].min(), cells.boxes[members, 2].max()
            numbers = np.zeros(len(cells.ids) + 1, np.int32)  # by the rank of an id; the rank of the background is 0
            numbers[members + 1] = np.arange(1, len(members) + 1)
            yield Band(int(top), members, _renumbered(np.asarray(labels[top:bottom]), cells.ids, numbers))


def _renumbered(labels: np.ndarray, ids: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Replaces 0 by `numbers[0]`, and the n-th of the ids by `numbers[n]`, counted from 1."""
    if ids[-1] >= TABLE:
        return numbers[np.searchsorted(np.append(0, ids), labels)]
    table = np.zeros(ids[-1] + 1, np.int32)
    table[ids] = numbers[1:]
    return table[labels]
