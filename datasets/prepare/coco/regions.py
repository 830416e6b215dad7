"""Polygons and runs of COCO → the pixels that they cover. `images.labels.run_lengths` has the codes of runs.

Source: the format of https://cocodataset.org/#format-data, and the code of its masks in cocoapi. Polygons are filled by
one exact rule, where cocoapi rounds their points to fifths of a pixel: a pixel belongs to a polygon if its centre lies
inside. This is written here, because the package pycocotools trusts its input, and every number had to be checked
before it all the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.prepare.painting import Window

MAX_CROSSINGS = 2**22  # of one polygon with rows of pixels; an outline crosses each row a few times
Region = tuple[Window, np.ndarray]  # a window of the image, and [rows, columns of the window] bool
NOTHING: Region = (np.s_[0:0, 0:0], np.zeros((0, 0), bool))


def fill_polygon(points: np.ndarray, shape: tuple[int, int]) -> Region:
    """The pixels whose centres lie inside one polygon, by the even-odd rule. What lies outside the image is cut off.

    Args:
        points: [n, 2] float64, x and y in pixels; the centre of the first pixel is (0.5, 0.5).
        shape: (height, width) of the image.

    Raises:
        ValueError: the outline crosses the rows of the image more than `MAX_CROSSINGS` times.
    """
    height, width = shape
    (x, y), (to_x, to_y) = points.T, np.roll(points, -1, axis=0).T
    # An edge crosses the rows whose centres lie from its upper end, which counts, to its lower end, which does not.
    first = np.ceil(np.minimum(y, to_y) - 0.5).clip(0, height).astype(np.int64)
    counts = np.ceil(np.maximum(y, to_y) - 0.5).clip(0, height).astype(np.int64) - first
    total = int(counts.sum())
    if total > MAX_CROSSINGS:
        raise ValueError(f"its outline crosses the rows of the image {total} times, at most {MAX_CROSSINGS} are read")
    if total == 0:
        return NOTHING
    edge = np.repeat(np.arange(len(points)), counts)
    rows = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    at = x[edge] + (rows + 0.5 - y[edge]) / (to_y[edge] - y[edge]) * (to_x[edge] - x[edge])
    columns = np.ceil(at - 0.5).clip(0, width).astype(np.int64)  # the first pixel whose centre the crossing precedes
    top, left = int(rows.min()), int(columns.min())
    toggles = np.zeros((int(rows.max()) + 1 - top, int(columns.max()) + 1 - left), np.uint8)
    np.bitwise_xor.at(toggles, (rows - top, columns - left), np.uint8(1))
    inside = np.bitwise_xor.accumulate(toggles, axis=1)[:, :-1].view(bool)  # behind the last column all is outside
    return np.s_[top : top + inside.shape[0], left : left + inside.shape[1]], inside


def join(regions: Sequence[Region]) -> Region:
    """The pixels of any of the regions."""
    regions = [region for region in regions if region[1].size]
    if len(regions) <= 1:
        return regions[0] if regions else NOTHING
    rows, columns = zip(*(window for window, _ in regions), strict=True)
    top, left = min(one.start for one in rows), min(one.start for one in columns)
    bottom, right = max(one.stop for one in rows), max(one.stop for one in columns)
    inside = np.zeros((bottom - top, right - left), bool)
    for (down, across), part in regions:
        inside[down.start - top : down.stop - top, across.start - left : across.stop - left] |= part
    return np.s_[top:bottom, left:right], inside


def fill_runs(runs: Sequence[int], shape: tuple[int, int]) -> Region:
    """The pixels of a run-length code: lengths of runs outside and inside the object, in turns, column by column.

    Raises:
        ValueError: the lengths are no whole numbers from 0, or their sum is not the number of pixels of the image.
    """
    height, width = shape
    lengths = np.asarray(runs)
    pixels = height * width
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu":
        raise ValueError("its runs are no list of whole numbers")
    if not lengths.size or lengths.min() < 0 or lengths.max() > pixels or lengths.sum(dtype=np.int64) != pixels:
        needed = f"they need {pixels} pixels, those of {height}x{width} (HxW)"
        raise ValueError(f"its {lengths.size} runs do not fit: {needed}, and none may be negative")
    ends = np.cumsum(lengths, dtype=np.int64)
    starts, ends = (ends - lengths)[1::2], ends[1::2]
    starts, ends = starts[ends > starts], ends[ends > starts]
    if not len(starts):
        return NOTHING
    left, right = int(starts[0]) // height, (int(ends[-1]) - 1) // height + 1
    toggles = np.zeros((right - left) * height + 1, np.int8)
    np.add.at(toggles, starts - left * height, np.int8(1))
    np.add.at(toggles, ends - left * height, np.int8(-1))
    inside = np.cumsum(toggles[:-1], dtype=np.int8).astype(bool).reshape(right - left, height).T
    rows = np.flatnonzero(inside.any(axis=1))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return np.s_[top:bottom, left:right], inside[top:bottom]
