"""Writes the page of a folder of predictions, see `page_path`."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from images.reading import read_image
from inference.files.planes import planes_line
from report.charts import histogram, rounded
from report.measured import EDGE, INTENSITY, MEASURED, measured_cells
from report.page import write_page
from report.pictures import data_uri, thumbnail
from report.tables import MAX_ROWS, Column, Row, make_table, number, read_rows
from system.errors import ReportedError
from system.names import shown
from system.spread import spread
from system.yaml_file import read_yaml

GALLERY, SIDE = 60, 300  # pictures, and the longer side of each in pixels
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
FILTERS = {"cells": "with cells", "warnings": "with warnings"}
CHOSEN = "first those with warnings, then others, evenly spread; images.csv has all of them"


@dataclass(frozen=True)
class Picture:
    """One picture of the gallery; `uri` is a JPEG in a data URI, and `size` its (height, width) in pixels."""

    name: str
    cells: str
    uri: str
    size: tuple[int, int]


def page_path(folder: Path) -> Path:
    """Returns the path of the page: report.html, or another name in a run folder, whose report.html is its own page."""
    return folder / ("report_prediction.html" if (folder / "config.yaml").exists() else "report.html")


def write_prediction_page(folder: Path) -> int:
    """Writes the page of a folder that predict.py has written, and returns its size in bytes.

    Distributions and warnings need cells; the page of a run without cells has the gallery only. Of many images and
    cells it shows a sample, and says so, so that its size and its time are bounded.

    Raises:
        ConfigError: prediction.yaml cannot be read.
        DiskError: the page cannot be written.
    """
    origin = read_yaml(folder / "prediction.yaml")
    origin = dict(origin) if isinstance(origin, dict) else {"prediction.yaml": origin}
    rows, sources = read_rows(folder / "images.csv"), _sources(folder / "sources.csv")
    overlays = {path.relative_to(folder / "overlays").with_suffix("").as_posix(): path for path in _overlays(folder)}
    counts = {row["image"]: int(row["cells"]) for row in rows if row.get("cells", "").isdigit()}
    sample = measured_cells(folder, counts)
    measured, numbers = sample.columns, np.array(list(counts.values()), int)
    table = make_table(
        "The images, from images.csv", COLUMNS, table_rows(rows), filters=FILTERS, chosen=CHOSEN, total=len(rows)
    )
    command, repeated = origin.pop("command", None), planes_line(file_of(sources.get(name, name)) for name in counts)
    warnings = warnings_of(rows, measured, without_results=sorted(set(sources) - set(overlays)))
    return write_page(
        page_path(folder),
        "prediction.html",
        name=shown(folder.resolve().name),
        origin={name: _words(value) for name, value in origin.items()},
        images=len(rows) or len(overlays),
        counts=numbers,
        median_area=rounded(np.median(measured["area"])) if len(measured.get("area", ())) else None,
        confidence=float(np.mean(measured["confidence"])) if len(measured.get("confidence", ())) else None,
        warnings=[*([f"{repeated}."] if repeated else []), *warnings],
        plots=_plots(numbers, measured),
        sample=sample.sample_line(),
        gallery=_gallery(overlays, rows),
        table=table,
        commands={
            "these results": command,
            "this page": shown(shlex.join(["python", "-m", "report", str(folder)])),
        },
    )


def table_rows(rows: Sequence[Row]) -> list[Row]:
    """Returns the rows of the table: all, or `MAX_ROWS` of them, first those with warnings, then others as they are.

    The others are evenly spread over the images.
    """
    if len(rows) <= MAX_ROWS:
        return list(rows)
    with_warnings = [row for row in rows if row.get("warnings")][:MAX_ROWS]
    others = [row for row in rows if not row.get("warnings")]
    return with_warnings + spread(others, MAX_ROWS - len(with_warnings))


def warnings_of(
    rows: Sequence[Row], measured: dict[str, np.ndarray], *, without_results: Sequence[str] = ()
) -> list[str]:
    """Returns sentences about what a person should look at before using the results.

    Args:
        rows: of images.csv.
        measured: the `columns` that `measured_cells` returns.
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
        f"{{}} with a median area below half or above twice the usual {rounded(usual)} pixels": [
            name for name, area in areas.items() if area is not None and not usual / 2 <= area <= 2 * usual
        ],
        "{} with a warning in images.csv": [
            row["image"] for row in rows if row.get("warnings") not in (None, "", "no cells")
        ],
    }
    found = [
        f"{case.format('1 image' if len(names) == 1 else f'{len(names):,} images')}: {_listed(names)}."
        for case, names in cases.items()
        if names
    ]
    edges = measured.get(EDGE)
    if edges is not None and len(edges) and edges.mean() > 0.1:
        found.append(
            f"{edges.mean():.0%} of the cells touch the edge of their image, so that their areas are too small."
        )
    return found


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(shown(name) for name in names[:NAMED]) + more


def _words(value: object) -> str:
    """Writes a value of prediction.yaml as people read it."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _plots(counts: np.ndarray, measured: dict[str, np.ndarray]) -> list[tuple[str, Markup]]:
    """Returns the title and the plot of each distribution."""
    plots = []
    if len(counts):
        title, label = "Cells in each image", "cells in the image"
        plots.append((title, histogram("cells", counts, title=title, label=label, counted="images")))
    known = {column: words for column, words in MEASURED.items() if column in measured}
    intensities = sorted(column for column in measured if column.startswith(INTENSITY))
    for column in intensities:
        channel = column.removeprefix(INTENSITY).lstrip("-")
        where = f" in channel {channel}" if channel.isalnum() else ""
        known[column] = (f"Mean intensity of the cells{where}", f"mean intensity{where}, in the units of the file")
    for place, (column, (title, label)) in enumerate(known.items()):
        svg = histogram(f"cells-{place}", measured[column], title=title, label=label, counted="cells")
        plots.append((title, svg))
    return plots


def _gallery(overlays: dict[str, Path], rows: Sequence[Row]) -> list[Picture]:
    """Returns at most `GALLERY` pictures, evenly spread over the images. A picture that cannot be read is left out."""
    cells = {row["image"]: row.get("cells", "") for row in rows}
    names, pictures = sorted(overlays), []
    for name in spread(names, GALLERY):
        try:
            picture = thumbnail(read_image(overlays[name]), SIDE)
        except ReportedError:
            continue
        size = picture.shape[:2]
        pictures.append(Picture(shown(name), cells.get(name, ""), data_uri(picture, quality=75), size))
    return pictures


def _overlays(folder: Path) -> list[Path]:
    return [path for path in (folder / "overlays").rglob("*.png") if not path.name.startswith(".")]


def _sources(path: Path) -> dict[str, str]:
    """Returns id → file, and its plane in parentheses, of sources.csv, which has no header."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {row[0]: row[-1] for row in csv.reader(file) if row}


def file_of(source: str) -> str:
    """Returns the file of a source, such as cells.tif of "cells.tif (z=3)"; see `ImageFile`."""
    return re.sub(r" \([^()]*\)$", "", source)
