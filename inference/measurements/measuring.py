"""Measures the cells of a label map. docs/measurements.md defines every column.

The names and definitions are those of scikit-image's `regionprops_table`. The columns are computed here for all cells
at once, strip by strip, because scikit-image handles one cell after the other: label map and pixels may lie in files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from images.pixel_size import PixelSize
from inference.measurements.columns import Table, sorted_columns
from inference.measurements.hulls import CellRows
from inference.measurements.perimeters import LENGTHS, border_kinds
from inference.measurements.runs import ids_of, runs_of, strips_of
from inference.measurements.sums import BOTTOM, LEFT, RIGHT, TOP, CellSums


@dataclass(frozen=True)
class MeasuredImage:
    """What is known of an image besides its label map.

    Attributes:
        rows: (top, bottom) → [bottom − top, W, channels], pixels as the file holds them, of any real dtype.
        channels: number of channels that are measured; with 0, `rows` is never called.
        pixel_size: None if it is not known.
        warning: what is wrong with the file's pixel size; empty if nothing is.
    """

    rows: Callable[[int, int], np.ndarray]
    channels: int
    pixel_size: PixelSize | None = None
    warning: str = ""

    @classmethod
    def of_array(cls, pixels: np.ndarray, pixel_size: PixelSize | None = None, warning: str = "") -> MeasuredImage:
        """The same for pixels [H, W, C] in the memory."""
        return cls(lambda top, bottom: pixels[top:bottom], pixels.shape[2], pixel_size, warning)

    def without_pixels(self) -> MeasuredImage:
        """The same, of which no intensities are measured."""
        return replace(self, channels=0)


def measure_cells(
    labels: np.ndarray,
    image: MeasuredImage | None = None,
    *,
    ids: np.ndarray | None = None,
    shapes: bool = True,
) -> Table:
    """Measures all cells of one image. The memory grows with the number of the cells and the width of the image.

    Args:
        labels: [H, W] of any integer dtype, 0 is background; it may lie in a file (`numpy.memmap`).
        image: its pixels and their size; without it there are no intensities and no columns in µm.
        ids: the labels that occur, ascending, [n] int64. None looks for them, which takes one more pass.
        shapes: whether to measure `perimeter` and `solidity`, which take two thirds of the time.

    Returns:
        The columns without `image` and `confidence`, in the order of the table; one value per cell, by rising label.

    Raises:
        FileError: the rows of the image cannot be read.
    """
    ids = ids_of(labels) if ids is None else ids
    channels = 0 if image is None else image.channels
    sums = CellSums(len(ids), channels=channels)
    for top, bottom in strips_of(labels.shape):
        strip = np.ascontiguousarray(labels[top:bottom])
        pixels, inside = (image.rows(top, bottom), strip > 0) if channels else (None, None)
        sums.add(runs_of(strip, ids, top=top), pixels, inside)
    size = None if image is None else image.pixel_size
    table = _geometry(sums, ids, labels.shape)
    if shapes:
        table |= _shapes(labels, ids, sums)
    if size is not None:
        table |= _in_micrometres(table, sums, size)
    for statistic, values in sums.intensities().items():
        table |= {f"intensity_{statistic}-{channel}": of_cells for channel, of_cells in enumerate(values)}
    return {name: table[name] for name in sorted_columns(table)}


def _geometry(sums: CellSums, ids: np.ndarray, shape: tuple[int, int]) -> Table:
    rows, columns, both = sums.covariances()
    greater, smaller = _eigenvalues(rows, columns, both)
    safe = np.where(greater > 0, greater, 1)
    boxes = sums.boxes
    touches = (boxes[TOP] == 0) | (boxes[LEFT] == 0) | (boxes[BOTTOM] == shape[0]) | (boxes[RIGHT] == shape[1])
    # The angle between the axis of rows and the longest axis; scikit-image gives ±π/4 where all directions are equal.
    turned = 0.5 * np.arctan2(2 * both, rows - columns)
    return {
        "label": ids,
        "area": sums.areas,
        "equivalent_diameter_area": np.sqrt(4 * sums.areas / np.pi),
        **{f"centroid-{axis}": values for axis, values in enumerate(sums.centroids())},
        **{f"bbox-{side}": values for side, values in enumerate(boxes)},
        "touches_edge": touches.astype(np.int64),
        "axis_major_length": 4 * np.sqrt(greater),
        "axis_minor_length": 4 * np.sqrt(smaller),
        "eccentricity": np.where(greater > 0, np.sqrt(np.maximum(1 - smaller / safe, 0)), 0.0),
        "orientation": np.where(rows == columns, np.where(both > 0, np.pi / 4, -np.pi / 4), turned),
    }


def _eigenvalues(rows: np.ndarray, columns: np.ndarray, both: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The greater and the smaller variance along the two axes of each cell."""
    greater = (rows + columns) / 2 + np.hypot((rows - columns) / 2, both)
    product = np.maximum(rows * columns - both**2, 0)
    return greater, np.divide(product, greater, out=np.zeros_like(greater), where=greater > 0)


def _shapes(labels: np.ndarray, ids: np.ndarray, sums: CellSums) -> Table:
    """A second pass over the label map, now that the boxes are known."""
    kinds, hulls = np.zeros((len(ids), len(LENGTHS)), np.int64), np.ones(len(ids), np.int64)
    outermost = CellRows(sums.boxes)
    for top, bottom in strips_of(labels.shape):
        cells, counts = border_kinds(labels, ids, top=top, bottom=bottom)
        kinds[cells] += counts
        cells, counts = outermost.add(runs_of(np.ascontiguousarray(labels[top:bottom]), ids, top=top), bottom=bottom)
        hulls[cells] = counts
    return {"perimeter": kinds @ LENGTHS, "solidity": sums.areas / hulls}


def _in_micrometres(table: Table, sums: CellSums, size: PixelSize) -> Table:
    """The columns in µm and µm². Pixels that are not square have no perimeter, which scikit-image refuses as well."""
    area = table["area"] * (size.height * size.width)
    rows, columns, both = sums.covariances()
    axes = _eigenvalues(rows * size.height**2, columns * size.width**2, both * size.height * size.width)
    found = {
        "area_um2": area,
        "equivalent_diameter_area_um": np.sqrt(4 * area / np.pi),
        "centroid-0_um": table["centroid-0"] * size.height,
        "centroid-1_um": table["centroid-1"] * size.width,
        "axis_major_length_um": 4 * np.sqrt(axes[0]),
        "axis_minor_length_um": 4 * np.sqrt(axes[1]),
    }
    if size.is_square and "perimeter" in table:
        found["perimeter_um"] = table["perimeter"] * size.height
    return found
