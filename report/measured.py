"""Reads the tables of cells of a folder of predictions, or a sample of them if there are many."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from report.tables import number
from system.spread import spread

TABLES = 1000  # that are opened, at most
CELLS = 50_000  # that are read, about; the page of a large folder must not take long
# Column of the tables of cells → title of its distribution, and label with the unit. Others begin with INTENSITY.
MEASURED = {
    "area": ("Area of the cells", "area in pixels"),
    "area_um2": ("Area of the cells in µm²", "area in µm²"),
    "confidence": ("Confidence of the cells", "confidence"),
}
INTENSITY, EDGE = "intensity_mean", "touches_edge"


@dataclass(frozen=True)
class MeasuredCells:
    """Cells that were read.

    Attributes:
        columns: name → the finite values of a column.
        cells: how many cells were read.
        images: of how many images.
        of_cells, of_images: how many there are.
    """

    columns: Mapping[str, np.ndarray]
    cells: int = 0
    images: int = 0
    of_cells: int = 0
    of_images: int = 0

    def sample_line(self) -> str:
        """Returns a sentence that says which part of the cells was read; "" if it was all of them."""
        if self.cells >= self.of_cells:
            return ""
        whole = f"{self.cells:,} of {self.of_cells:,} cells, from {self.images:,} of {self.of_images:,} images"
        return f"Distributions and medians are those of {whole}, evenly spread. cells.csv has all of them."


def measured_cells(folder: Path, counts: Mapping[str, int]) -> MeasuredCells:
    """Reads the measured columns of at most `TABLES` images, evenly spread, and of their cells every n-th.

    n is chosen so that about `CELLS` cells are read. Counting goes on from image to image, so that every cell has the
    same chance, also in images with fewer than n cells.

    Args:
        folder: the folder that predict.py has written.
        counts: name of each image → the number of its cells.
    """
    names = spread(list(counts), TABLES)
    step = max(1, -(-sum(counts[name] for name in names) // CELLS))
    columns: dict[str, list[float]] = {}
    cells, first = 0, 0
    for name in names:
        path = folder / "cells" / f"{name}.csv"
        if path.is_file():
            cells += _read_into(columns, path, first, step)
        first = (first - counts[name]) % step
    values = {column: np.array(found) for column, found in columns.items()}
    return MeasuredCells(values, cells, len(names), sum(counts.values()), len(counts))


def _read_into(columns: dict[str, list[float]], path: Path, first: int, step: int) -> int:
    """Adds the rows `first`, `first + step`, … of a table to `columns`, and returns their number."""
    rows = 0
    with path.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader([file.readline()]), [])
        wanted = [name for name in names if name in MEASURED or name == EDGE or name.startswith(INTENSITY)]
        for row in csv.DictReader(islice(file, first, None, step), names):
            rows += 1
            for name in wanted:
                if (value := number(row[name])) is not None:
                    columns.setdefault(name, []).append(value)
    return rows
