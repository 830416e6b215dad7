"""Files of label maps of any size → arrays: small ones in the memory, large ones in a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from images.opening import naming, unreadable
from images.planes import TRUTH
from images.reading import decode_labels, read_bytes
from images.tiff_regions import open_regions
from system.scratch import array_in_file

ABOVE = 2**24  # pixels: larger TIFF files are read by their rows
PIXELS_AT_ONCE = 2**22
TYPES = (np.uint8, np.uint16, np.uint32)


@contextmanager
def open_labels(path: Path, *, scratch: Path) -> Iterator[np.ndarray]:
    """Yields a label map, [H, W] unsigned or int32 ids, 0 is background.

    A TIFF of more than 2**24 pixels of the kinds of `images.tiff_regions.open_regions` is unpacked, some rows at a
    time, into a file in the folder `scratch`, which is removed at the end. Other files are decoded as a whole.

    Raises:
        FileError: as `images.reading.decode_labels` does.
        DiskError: the folder is full.
    """
    try:
        with naming(str(path)):
            regions = open_regions(path, above=ABOVE, selection=TRUTH, types=TYPES)
    except OSError as error:
        raise unreadable(path, error) from error
    if regions is None or regions.shape[2] != 1:
        if regions is not None:
            regions.close()
        yield decode_labels(read_bytes(path), str(path))
        return
    height, width = regions.shape[:2]
    step = max(1, PIXELS_AT_ONCE // width)
    try:
        with array_in_file(scratch / f".{path.name[:40]}.labels", regions.dtype, (height, width)) as labels:
            for top in range(0, height, step):
                with naming(str(path)):
                    labels[top : top + step] = regions.rows(top, min(top + step, height))[..., 0]
            yield labels
    finally:
        regions.close()
