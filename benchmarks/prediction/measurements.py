"""Times the measurement of many drawn cells, in memory and with writing the table, beside scikit-image.

    python -m benchmarks.prediction.measurements [--cells 100000] [--channels 1] [--rounds 3] [--scikit-image 2000]

The cells are ellipses of many sizes and directions, some of which touch, in one image of 16 bits. scikit-image measures
a part of the map of the given number of cells, since its time grows with their number; its figure is for all cells.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.measure import take_turns
from inference.files.cell_tables import CellTables
from inference.measurements.measuring import MeasuredImage, measure_cells

SIDE, SHAPES = 32, 64  # pixels of the square around a cell; different cells
CHEAP = ("label", "area", "equivalent_diameter_area", "centroid", "bbox", "axis_major_length", "axis_minor_length")
CHEAP += ("eccentricity", "orientation", "intensity_mean", "intensity_min", "intensity_max", "intensity_std")
WITH_SHAPES = (*CHEAP, "perimeter", "solidity")


def drawn(cells: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns a label map [H, W] int32 of at least so many cells, and pixels [H, W, channels] uint16."""
    rng, per_row = np.random.default_rng(0), math.ceil(math.sqrt(cells))
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    shapes = []
    for _ in range(SHAPES):
        angle, stretch, radius = rng.uniform(0, np.pi), rng.uniform(0.8, 1.25), rng.uniform(6, 17)
        along, across = y * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - y * np.sin(angle)
        shapes.append(np.hypot(along * stretch, across / stretch) < radius)
    labels = np.zeros((per_row * SIDE, per_row * SIDE), np.int32)
    for number, shape in enumerate(rng.integers(0, SHAPES, per_row**2)):
        top, left = (SIDE * place for place in divmod(number, per_row))
        labels[top : top + SIDE, left : left + SIDE][shapes[shape]] = number + 1
    return labels, rng.integers(0, 2**16, (*labels.shape, channels), np.uint16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100_000, help="(default: %(default)s)")
    parser.add_argument("--channels", type=int, default=1, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: %(default)s)")
    parser.add_argument("--scikit-image", type=int, default=2000, help="cells that it measures (default: %(default)s)")
    given = parser.parse_args()
    from skimage.measure import regionprops_table

    labels, pixels = drawn(given.cells, given.channels)
    few = math.ceil(math.sqrt(given.scikit_image))
    part = np.s_[: few * SIDE, : few * SIDE]
    count, image = int(labels.max()), MeasuredImage.of_array(pixels)
    few_labels = np.unique(labels[part], return_inverse=True)[1].reshape(labels[part].shape)
    ids = np.arange(1, count + 1)
    with TemporaryDirectory() as folder:
        tables = CellTables(Path(folder))

        def with_files() -> None:
            tables.write("a", labels, ids=ids, image=image)
            tables.write_summary(["a"])

        callables = {
            "counts, areas, centroids, boxes, edges, axes, intensities": lambda: measure_cells(
                labels, image, ids=ids, shapes=False
            ),
            "and perimeter and solidity": lambda: measure_cells(labels, image, ids=ids),
            "and writing cells.csv and images.csv": with_files,
            "scikit-image without perimeter and solidity": lambda: regionprops_table(
                few_labels, pixels[part], properties=CHEAP
            ),
            "scikit-image with them": lambda: regionprops_table(few_labels, pixels[part], properties=WITH_SHAPES),
        }
        timing = take_turns(callables, rounds=given.rounds, seconds=3600)
    height, width = labels.shape
    print(
        f"{count:,} cells in {height}×{width} pixels, {given.channels} channel(s) of 16 bits, {given.rounds} rounds\n"
    )
    print("| what | seconds, median | lowest to highest |\n|---|---|---|")
    for name, seconds in timing.seconds.items():
        factor = count / few**2 if name.startswith("scikit-image") else 1
        median, low, high = (factor * value for value in (timing.median(name), min(seconds), max(seconds)))
        print(f"| {name} | {median:.1f} | {low:.1f} to {high:.1f} |")
    if timing.others is not None:
        print(f"\nOther processes took {timing.others:.0%} of the cores.")


if __name__ == "__main__":
    main()
