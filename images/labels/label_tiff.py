"""Label maps of any size → TIFF files that other programs open."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from system.files import atomic_file

BYTES_PER_STRIP = 2**20  # before compression
CLASSIC = (
    2**32 - 2**25
)  # bytes: the offsets of a TIFF that is not a BigTIFF have 32 bits; this leaves room for the rest
LEVEL = 3  # of deflate: the next one takes twice as long, for a fifth less


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Writes a label map as a deflated TIFF in strips, which needs the memory of some strips only.

    Up to 65,535 it is uint16 with the metadata of ImageJ, which ImageJ, QuPath, napari and Cellpose open. Above, it is
    plain uint32, since ImageJ has no such images. From 4 GB on, before compression, it is a plain BigTIFF of either
    kind. The file is either complete or not there.

    Args:
        labels: [H, W] integers from 0 to 2**32 − 1, in the memory or in a file (`numpy.memmap`).

    Raises:
        DiskError: the file cannot be written.
        ValueError: the array has another shape, or negative values.
    """
    if labels.ndim != 2 or 0 in labels.shape or labels.dtype.kind not in "iu":
        raise ValueError(f"labels [H, W] of integers are expected, got {labels.shape} {labels.dtype}")
    from tifffile import TiffWriter  # the import takes a third of a second

    per_strip = max(1, BYTES_PER_STRIP // (labels.shape[1] * 4))
    lowest, highest = _range_of(labels, per_strip)
    if lowest < 0 or highest >= 2**32:
        raise ValueError(f"labels from {lowest} to {highest}; allowed are 0 to {2**32 - 1}")
    kind = np.dtype(np.uint16 if highest < 2**16 else np.uint32)
    big = labels.size * kind.itemsize > CLASSIC
    imagej = kind == np.uint16 and not big
    byteorder = ">" if imagej else "<"
    with (
        atomic_file(path) as file,
        TiffWriter(file, bigtiff=big, imagej=imagej, byteorder=byteorder) as tiff,
    ):
        tiff.write(
            _deflated(labels, per_strip, kind.newbyteorder(byteorder)),
            shape=labels.shape,
            dtype=kind,
            rowsperstrip=per_strip,
            compression="zlib",
            photometric="minisblack",
            metadata={"min": 0.0, "max": float(max(1, highest))} if imagej else None,  # what ImageJ shows as white
        )


def _strips(labels: np.ndarray, rows: int) -> Iterator[np.ndarray]:
    for top in range(0, len(labels), rows):
        yield np.asarray(labels[top : top + rows])


def _range_of(labels: np.ndarray, rows: int) -> tuple[int, int]:
    """Returns the smallest and the largest label."""
    extremes = [(int(strip.min()), int(strip.max())) for strip in _strips(labels, rows)]
    return min(low for low, _ in extremes), max(high for _, high in extremes)


def _deflated(labels: np.ndarray, rows: int, dtype: np.dtype) -> Iterator[bytes]:
    """Yields the strips of a TIFF, each of so many rows."""
    for strip in _strips(labels, rows):
        yield zlib.compress(strip.astype(dtype).tobytes(), LEVEL)
