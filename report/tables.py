"""Tables: CSV files that val.py and predict.py have written, and the sortable table of a page."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from system.csv_text import unguarded

MAX_ROWS = 1000  # of a table on a page
NAMES = ("id", "image")  # columns with names of images, which are guarded against spreadsheets
Row = dict[str, str]


def read_rows(path: Path) -> list[Row]:
    """Reads a CSV file with a header: one dict for each row, with the true names of images.

    A file that is not there has no rows.
    """
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(file)]
    return [row | {name: unguarded(row[name]) for name in NAMES if name in row} for row in rows]


def number(text: object) -> float | None:
    """Reads a finite number; None for anything else, such as an empty cell."""
    try:
        value = float(text)
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Column:
    """A column of a table on a page.

    Attributes:
        name: of the column in the CSV file.
        title: as readers see it.
        digits: behind the point; None for text.
    """

    name: str
    title: str
    digits: int | None = None


@dataclass(frozen=True)
class Cell:
    """A cell of a table on a page.

    Attributes:
        text: as readers see it.
        value: by which a numeric column is sorted; None if the cell is empty or holds text.
    """

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    """A table on a page.

    Attributes:
        caption: says what it shows.
        filters: column → label, for the choice of rows where this column is above 0, or has text.
        total: the number of rows that there are; the table may show fewer.
        chosen: says which of them these are, if they are fewer.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    filters: dict[int, str]
    total: int
    chosen: str


def make_table(
    caption: str,
    columns: Iterable[Column],
    rows: Sequence[Row],
    *,
    filters: dict[str, str],
    chosen: str,
    total: int | None = None,
) -> Table:
    """Makes the table of the columns that the rows have, with at most the first `MAX_ROWS` rows.

    Args:
        filters: name of a column → label, see `Table`. Columns that the rows do not have are left out.
        chosen: says which rows come first.
        total: the number of rows that there are, if these are some of them.
    """
    present = [column for column in columns if any(row.get(column.name) for row in rows)]
    places = {column.name: place for place, column in enumerate(present)}
    return Table(
        caption,
        present,
        [[_cell(row.get(column.name, ""), column.digits) for column in present] for row in rows[:MAX_ROWS]],
        {places[name]: label for name, label in filters.items() if name in places},
        len(rows) if total is None else total,
        chosen,
    )


def _cell(text: str, digits: int | None) -> Cell:
    value = None if digits is None else number(text)
    return Cell(text) if value is None else Cell(f"{value:.{digits}f}", value)
