"""Writes the cells of images: a label map and a table for each image, and a table of all images."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from images.label_tiff import write_labels
from inference.cells.decoding import Objects
from system.files import write_text

CELL_COLUMNS = ("label", "area", "centroid-0", "centroid-1", "confidence")  # as scikit-image calls them, and our own
IMAGE_COLUMNS = ("image", "cells", "median_area", "mean_confidence")
ROWS = 256  # of a strip


class CellFiles:
    """Owns the cells of images below one folder. `<name>` is the name of an image:

        labels/<name>.tif    its label map, see `images.label_tiff`
        cells/<name>.csv     one row per cell: label, area in pixels, centroid (row and column), confidence
        images.csv           one row per image, see `write_summary`

    Args:
        folder: the folder to write to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def label_path(self, name: str) -> Path:
        return self.folder / "labels" / f"{name}.tif"

    def table_path(self, name: str) -> Path:
        return self.folder / "cells" / f"{name}.csv"

    def paths(self, name: str) -> list[Path]:
        """Returns the paths of all files of one image."""
        return [self.label_path(name), self.table_path(name)]

    def write(self, name: str, objects: Objects) -> None:
        """Writes the files of one image."""
        write_labels(self.label_path(name), objects.labels)
        areas, centroids = areas_and_centroids(objects.labels, len(objects.confidences))
        cells = enumerate(zip(areas, centroids, objects.confidences, strict=True), start=1)
        lines = (f"{number},{area},{row:.2f},{column:.2f},{sure:.4f}" for number, (area, (row, column), sure) in cells)
        write_text(self.table_path(name), "\n".join([",".join(CELL_COLUMNS), *lines, ""]))

    def write_summary(self, names: Sequence[str]) -> int:
        """Writes images.csv from the tables of these images, and returns the number of cells in all of them.

        Its columns are the image, the number of its cells, their median area in pixels and their mean confidence. The
        last two are empty for an image without cells.
        """
        text, cells = io.StringIO(), 0
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(IMAGE_COLUMNS)
        for name in names:
            areas, sure = self._columns(name, "area", "confidence")
            cells += len(areas)
            figures = [f"{np.median(areas):g}", f"{np.mean(sure):.4f}"] if len(areas) else ["", ""]
            writer.writerow([name, len(areas), *figures])
        write_text(self.folder / "images.csv", text.getvalue())
        return cells

    def _columns(self, name: str, *columns: str) -> list[np.ndarray]:
        places = [CELL_COLUMNS.index(column) for column in columns]
        lines = self.table_path(name).read_text(encoding="utf-8").splitlines()[1:]
        table = np.array([[float(line.split(",")[place]) for place in places] for line in lines])
        return list(table.reshape(-1, len(places)).T)


def areas_and_centroids(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Measures the cells of a label map, a strip of rows at a time.

    Args:
        labels: [H, W] ids 0 … count, each of which occurs.

    Returns:
        The areas in pixels, [count] int64, and the mean row and column of each cell, [count, 2] float64.
    """
    sums = np.zeros((3, count + 1))
    for top in range(0, len(labels), ROWS):
        strip = labels[top : top + ROWS]
        rows, columns = np.indices(strip.shape).reshape(2, -1)
        for total, weights in zip(sums, (None, rows + top, columns), strict=True):
            total += np.bincount(strip.ravel(), weights, minlength=count + 1)
    areas = sums[0, 1:].astype(np.int64)
    return areas, (sums[1:, 1:] / np.maximum(areas, 1)).T
