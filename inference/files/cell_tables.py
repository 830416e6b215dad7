"""Writes what is measured of the cells: a table and a row of counts for each image, and both for all images."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from inference.files.warning_files import joined
from inference.measurements.columns import LINES_AT_ONCE, Table, lines_of, sorted_columns
from inference.measurements.measuring import MeasuredImage, measure_cells
from system.csv_text import csv_field
from system.files import atomic_file, write_text

COUNTS = (
    "cells",
    "median_area",
    "mean_confidence",
    "foreground_share",
    "height",
    "width",
    "median_area_um2",
    "cells_per_mm2",
    "pixel_size_um-0",
    "pixel_size_um-1",
    "pixel_size_from",
    "warnings",
)


class CellTables:
    """Owns the tables of cells below one folder. `<name>` is the name of an image:

        cells/<name>.csv     one row per cell, see `inference.measurements.measuring.measure_cells`
        counts/<name>.csv    the row of images.csv
        cells.csv            the rows of all images, with the column `image` before the others
        images.csv           one row per image

    docs/measurements.md defines the columns. Each image has files of its own, so that a rerun finds what is missing,
    and so that several processes can work on one folder. The tables of all images are made of them at the end.

    Args:
        folder: the folder to write to.
        measures: whether there are tables of cells; otherwise there are only counts.
    """

    def __init__(self, folder: Path, *, measures: bool = True) -> None:
        self.folder, self.measures = folder, measures

    def table_path(self, name: str) -> Path:
        return self.folder / "cells" / f"{name}.csv"

    def counts_path(self, name: str) -> Path:
        return self.folder / "counts" / f"{name}.csv"

    def paths(self, name: str) -> list[Path]:
        """Returns the paths of the files of one image."""
        return [*([self.table_path(name)] if self.measures else []), self.counts_path(name)]

    def write(
        self,
        name: str,
        labels: np.ndarray,
        *,
        ids: np.ndarray | None = None,
        confidences: np.ndarray | None = None,
        image: MeasuredImage | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        """Measures the cells of one image and writes its files.

        Args:
            labels, ids, image: as `measure_cells` takes them.
            confidences: [n] float, in the order of the ids; None if they are not known.
            warnings: about the image, without those that are found here.

        Raises:
            FileError: the rows of the image cannot be read.
        """
        if not self.measures and image is not None:
            image = image.without_pixels()
        table = measure_cells(labels, image, ids=ids, shapes=self.measures)
        if confidences is not None:
            table["confidence"] = confidences
        if self.measures:
            with atomic_file(self.table_path(name)) as file:
                for lines in lines_of(table):
                    file.write(lines.encode("utf-8"))
        row = counts_of(table, labels.shape, image, warnings)
        write_text(self.counts_path(name), f"{','.join(row)}\n{','.join(map(csv_field, row.values()))}\n")

    def write_summary(self, names: Sequence[str]) -> int:
        """Writes images.csv and cells.csv from the files of these images; returns the number of cells in all."""
        lines, cells = [",".join(["image", *COUNTS])], 0
        for name in names:
            text = self.counts_path(name).read_text(encoding="utf-8")
            row = next(csv.DictReader(text.splitlines()))
            cells += int(row["cells"])
            lines.append(",".join([csv_field(name), *text.splitlines()[1:]]))
        write_text(self.folder / "images.csv", "\n".join([*lines, ""]))
        if self.measures:
            self._join(names)
        return cells

    def _join(self, names: Sequence[str]) -> None:
        """Writes cells.csv. Images may have different columns; a cell has nothing where its image lacks a column."""
        with_lines = [self.table_path(name) for name in names]
        columns = sorted_columns({column for path in with_lines for column in next(_lines_of_file(path))[0]})
        with atomic_file(self.folder / "cells.csv") as file:
            file.write((",".join(["image", *(columns or ["label"])]) + "\n").encode("utf-8"))
            for name, path in zip(names, with_lines, strict=True):
                parts, before = _lines_of_file(path), csv_field(name) + ","
                own = next(parts)[0]
                places = [own.index(column) if column in own else len(own) for column in columns]
                for rows in parts:
                    if own == columns:
                        lines = [before + row for row in rows]
                    else:
                        cells = ([*row.rstrip("\n").split(","), ""] for row in rows)
                        lines = [before + ",".join([row[place] for place in places]) + "\n" for row in cells]
                    file.write("".join(lines).encode("utf-8"))


def _lines_of_file(path: Path) -> Iterator[list]:
    """Yields the names of the columns of a table, as a list in a list, and then its lines, many at a time."""
    with path.open(encoding="utf-8", newline="") as file:
        yield [next(file, "").rstrip("\n").split(",")]
        while lines := list(islice(file, LINES_AT_ONCE)):
            yield lines


def counts_of(
    table: Table, shape: tuple[int, int], image: MeasuredImage | None, warnings: Sequence[str] = ()
) -> dict[str, str]:
    """Returns the row of an image in images.csv, without its name; what is not known is empty.

    Args:
        table: what was measured of its cells.
        shape: [H, W] of the image.
        warnings: about the image, without those that are found here.
    """
    areas, pixels = table["area"], shape[0] * shape[1]
    row = dict.fromkeys(COUNTS, "")
    row |= {"cells": f"{len(areas)}", "height": f"{shape[0]}", "width": f"{shape[1]}"}
    row["foreground_share"] = f"{areas.sum() / pixels:.6f}" if pixels else ""
    if len(areas):
        row["median_area"] = f"{np.median(areas):.10g}"
        row["mean_confidence"] = f"{np.mean(table['confidence']):.4f}" if "confidence" in table else ""
    warnings = [*([] if len(areas) else ["no cells"]), *warnings]
    if image is not None and image.warning:
        warnings.append(image.warning)
    if image is not None and image.pixel_size is not None:
        size = image.pixel_size
        row |= {"pixel_size_um-0": f"{size.height:.10g}", "pixel_size_um-1": f"{size.width:.10g}"}
        row["pixel_size_from"] = size.source
        row["cells_per_mm2"] = f"{len(areas) / (pixels * size.height * size.width / 1e6):.10g}" if pixels else ""
        if len(areas):
            row["median_area_um2"] = f"{np.median(table['area_um2']):.10g}"
        if not size.is_square:
            warnings.append("the pixels are not square, so that there is no perimeter_um")
    return row | {"warnings": joined(warnings)}
