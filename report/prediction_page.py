"""Writes the page of a folder of predictions: `<folder>/report.html`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from images.reading import read_image
from report.charts import histogram, spread
from report.page import write_page
from report.pictures import data_uri, thumbnail
from report.tables import Column, Row, make_table, number, read_rows
from system.errors import ReportedError
from system.names import shown
from system.yaml_file import read_yaml

GALLERY, SIDE = 60, 300  # pictures, and the longer side of each in pixels
TABLES = 1000  # of cells, that the distributions are made of
LOW_CONFIDENCE = 0.7
NAMED = 5  # images that a warning names
COLUMNS = (
    Column("image", "image"),
    Column("cells", "cells", 0),
    Column("median_area", "median area", 0),
    Column("median_area_um2", "median area, µm²", 1),
    Column("cells_per_mm2", "cells per mm²", 0),
    Column("foreground_share", "foreground", 3),
    Column("mean_confidence", "confidence", 3),
    Column("height", "height", 0),
    Column("width", "width", 0),
    Column("warnings", "warnings"),
)
# Column of the tables of cells → title of its distribution, and label with the unit. Others begin with INTENSITY.
MEASURED = {
    "area": ("Area of the cells", "area in pixels"),
    "area_um2": ("Area of the cells in µm²", "area in µm²"),
    "confidence": ("Confidence of the cells", "confidence"),
}
INTENSITY = "intensity_mean"


@dataclass(frozen=True)
class Picture:
    """One picture of the gallery; `uri` is a JPEG in a data URI, and `size` its (height, width) in pixels."""

    name: str
    cells: str
    uri: str
    size: tuple[int, int]


def write_prediction_page(folder: Path) -> int:
    """Writes report.html of a folder that predict.py has written, and returns its size in bytes.

    Distributions and warnings need cells; the page of a run without cells has the gallery only.

    Raises:
        ConfigError: prediction.yaml cannot be read.
        DiskError: the page cannot be written.
    """
    origin = read_yaml(folder / "prediction.yaml")
    rows, sources = read_rows(folder / "images.csv"), _sources(folder / "sources.csv")
    overlays = {path.relative_to(folder / "overlays").with_suffix("").as_posix(): path for path in _overlays(folder)}
    measured = measurements(folder, [row["image"] for row in rows])
    counts = np.array([int(row["cells"]) for row in rows if row.get("cells", "").isdigit()])
    return write_page(
        folder / "report.html",
        "prediction.html",
        name=shown(folder.resolve().name),
        origin=origin if isinstance(origin, dict) else {"prediction.yaml": origin},
        images=len(rows) or len(overlays),
        counts=counts,
        median_area=float(np.median(measured["area"])) if len(measured.get("area", ())) else None,
        confidence=float(np.mean(measured["confidence"])) if len(measured.get("confidence", ())) else None,
        warnings=warnings_of(rows, measured, without_results=sorted(set(sources) - set(overlays))),
        plots=_plots(counts, measured),
        measured_images=min(len(rows), TABLES),
        gallery=_gallery(overlays, rows),
        table=make_table("The images, from images.csv", COLUMNS, rows, filters={"cells": "with cells"}),
        command=f"python -m report {shown(str(folder))}",
    )


def measurements(folder: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Returns the finite values of each measured column, of at most `TABLES` images that are evenly spread."""
    found: dict[str, list[float]] = {}
    for place in spread(len(names), TABLES):
        for row in read_rows(folder / "cells" / f"{_file_name(names[place])}.csv"):
            for column, text in row.items():
                wanted = column in MEASURED or column.startswith(INTENSITY) or column == "touches_edge"
                if wanted and (value := number(text)) is not None:
                    found.setdefault(column, []).append(value)
    return {column: np.array(values) for column, values in found.items()}


def warnings_of(
    rows: Sequence[Row], measured: dict[str, np.ndarray], *, without_results: Sequence[str] = ()
) -> list[str]:
    """Returns sentences about what a person should look at before using the results.

    Args:
        rows: of images.csv.
        measured: as `measurements` returns it.
        without_results: images that were given, and that have no results.
    """
    areas = {row["image"]: number(row.get("median_area")) for row in rows}
    usual = float(np.median([area for area in areas.values() if area is not None] or [np.nan]))
    sure = {row["image"]: number(row.get("mean_confidence")) for row in rows}
    cases = {
        "{} without results: they could not be read, or the prediction was stopped": without_results,
        "{} without a cell": [row["image"] for row in rows if row.get("cells") == "0"],
        f"{{}} with a mean confidence below {LOW_CONFIDENCE}": [
            name for name, value in sure.items() if value is not None and value < LOW_CONFIDENCE
        ],
        f"{{}} with a median area below half or above twice the usual {usual:g} pixels": [
            name for name, area in areas.items() if area is not None and not usual / 2 <= area <= 2 * usual
        ],
        "{} with a warning in images.csv": [
            row["image"] for row in rows if row.get("warnings") not in (None, "", "no cells")
        ],
    }
    found = [
        f"{case.format('1 image' if len(names) == 1 else f'{len(names)} images')}: {_listed(names)}."
        for case, names in cases.items()
        if names
    ]
    edges = measured.get("touches_edge")
    if edges is not None and len(edges) and edges.mean() > 0.1:
        found.append(
            f"{edges.mean():.0%} of the cells touch the edge of their image, so that their areas are too small."
        )
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shown(name) for name in names[:NAMED]) + more


def _plots(counts: np.ndarray, measured: dict[str, np.ndarray]) -> list[Markup]:
    plots = []
    if len(counts):
        title, label = "Cells in each image", "cells in the image"
        plots.append(histogram("cells", counts, title=title, label=label, counted="images"))
    known = {column: words for column, words in MEASURED.items() if column in measured}
    intensities = sorted(column for column in measured if column.startswith(INTENSITY))
    for column in intensities:
        channel = column.removeprefix(INTENSITY).lstrip("-")
        where = f" in channel {channel}" if channel.isalnum() else ""
        known[column] = (f"Mean intensity of the cells{where}", f"mean intensity{where}, in the units of the file")
    for place, (column, (title, label)) in enumerate(known.items()):
        plots.append(histogram(f"cells-{place}", measured[column], title=title, label=label, counted="cells"))
    return plots


def _gallery(overlays: dict[str, Path], rows: Sequence[Row]) -> list[Picture]:
    """Returns at most `GALLERY` pictures, evenly spread over the images. A picture that cannot be read is left out."""
    cells = {_file_name(row["image"]): row.get("cells", "") for row in rows}
    names, pictures = sorted(overlays), []
    for place in spread(len(names), GALLERY):
        try:
            picture = thumbnail(read_image(overlays[names[place]]), SIDE)
        except ReportedError:
            continue
        size = picture.shape[:2]
        pictures.append(Picture(shown(names[place]), cells.get(names[place], ""), data_uri(picture, quality=75), size))
    return pictures


def _overlays(folder: Path) -> list[Path]:
    return [path for path in (folder / "overlays").rglob("*.png") if not path.name.startswith(".")]


def _sources(path: Path) -> list[str]:
    """Returns the ids in sources.csv, which has no header."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [row[0] for row in csv.reader(file) if row]


def _file_name(name: str) -> str:
    """Returns the id that names the files of an image. Tables write an apostrophe before some, for spreadsheets."""
    return name.removeprefix("'")
