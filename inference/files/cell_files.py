"""Writes the cells of images: a label map and the tables of `inference.files.cell_tables`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from images.labels.label_tiff import write_labels
from inference.cells.decoding import Objects
from inference.files.cell_tables import CellTables
from inference.measurements.measuring import MeasuredImage


class CellFiles:
    """Owns the cells of images below one folder. `<name>` is the name of an image:

        labels/<name>.tif    its label map, see `images.labels.label_tiff`
        cells/, counts/, cells.csv, images.csv    see `CellTables`

    Args:
        folder: the folder to write to.
        measures: see `CellTables`.
    """

    def __init__(self, folder: Path, *, measures: bool = True) -> None:
        self.folder, self.tables = folder, CellTables(folder, measures=measures)

    def label_path(self, name: str) -> Path:
        return self.folder / "labels" / f"{name}.tif"

    def paths(self, name: str) -> list[Path]:
        """Returns the paths of all files of one image."""
        return [self.label_path(name), *self.tables.paths(name)]

    def write(
        self, name: str, objects: Objects, image: MeasuredImage | None = None, warnings: Sequence[str] = ()
    ) -> None:
        """Writes the files of one image; without `image` there are no intensities and no micrometres."""
        write_labels(self.label_path(name), objects.labels)
        ids = np.arange(1, len(objects.confidences) + 1)
        confidences = objects.confidences
        self.tables.write(name, objects.labels, ids=ids, confidences=confidences, image=image, warnings=warnings)

    def write_summary(self, names: Sequence[str]) -> int:
        """Writes images.csv and cells.csv for these images; returns the number of cells in all of them."""
        return self.tables.write_summary(names)
