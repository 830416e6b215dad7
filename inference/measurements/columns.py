"""The columns of measured cells: their order, and how a table becomes lines of a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

Table = dict[str, np.ndarray]  # name of a column → [n]

ORDER = (
    "label",
    "area",
    "area_um2",
    "equivalent_diameter_area",
    "equivalent_diameter_area_um",
    "centroid-0",
    "centroid-1",
    "centroid-0_um",
    "centroid-1_um",
    "bbox-0",
    "bbox-1",
    "bbox-2",
    "bbox-3",
    "touches_edge",
    "perimeter",
    "perimeter_um",
    "axis_major_length",
    "axis_major_length_um",
    "axis_minor_length",
    "axis_minor_length_um",
    "eccentricity",
    "orientation",
    "solidity",
    "intensity_mean",
    "intensity_min",
    "intensity_max",
    "intensity_std",
    "confidence",
)
LINES_AT_ONCE = 4096


def sorted_columns(names: Iterable[str]) -> list[str]:
    """Sorts names of columns as they stand in a table; those of intensities by statistic, then by channel."""

    def key(name: str) -> tuple[int, int, str]:
        statistic, _, channel = name.rpartition("-")
        if name not in ORDER and channel.isdecimal() and statistic in ORDER:
            return ORDER.index(statistic), int(channel), name
        return (ORDER.index(name) if name in ORDER else len(ORDER)), 0, name  # the last are none of ours

    return sorted(names, key=key)


def lines_of(table: Table) -> Iterator[str]:
    """Yields the header of a CSV file and then its rows, many lines at a time.

    Whole numbers stay as they are, other numbers have ten digits, and confidences four behind the point.
    """
    yield ",".join(table) + "\n"
    formats = ["%d" if values.dtype.kind in "iu" else "%.10g" for values in table.values()]
    form = ",".join("%.4f" if name == "confidence" else one for name, one in zip(table, formats, strict=True)) + "\n"
    count = len(next(iter(table.values())))
    for first in range(0, count, LINES_AT_ONCE):
        rows = zip(*(values[first : first + LINES_AT_ONCE].tolist() for values in table.values()), strict=True)
        yield "".join([form % row for row in rows])
