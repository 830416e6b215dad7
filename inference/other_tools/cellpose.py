"""Label map → `<id>_cp_masks.tif`, the name that Cellpose gives to the masks of an image.

Copied beside the images, these files are read by its training (`--mask_filter _cp_masks`) and by its window (File >
Load masks). Its `_seg.npy` is not written: it is a pickle, which can execute anything when it is read, and its content
changes with the versions.
"""

from __future__ import annotations

from pathlib import Path

from images.labels.label_tiff import write_labels
from inference.other_tools.cells import LabelMap


def write_cellpose(path: Path, label_map: LabelMap) -> None:
    """Writes the label map with its ids; see `images.labels.label_tiff.write_labels`.

    Raises:
        DiskError: the file cannot be written.
    """
    write_labels(path, label_map.labels)
