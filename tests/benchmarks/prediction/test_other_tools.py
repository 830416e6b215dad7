"""The table of the files of other tools, on a small map."""

import numpy as np
from support.cell_maps import discs

from benchmarks.prediction.other_tools import differences, row_of


def test_rows(tmp_path):
    """The tool's own way cuts the corners of a cell, and ours does not."""
    labels = discs(9)
    cells = [cell.strip() for cell in row_of("geojson", labels, tmp_path, rounds=2).split("|")]
    assert cells[1] == "geojson"
    assert cells[4:7] == ["1.0000", "1.0000", "0.0%"]
    assert float(cells[7].rstrip("%")) > 0
    assert row_of("cellpose", labels, tmp_path, rounds=2).split("|")[6].strip() == "–"


def test_a_difference_is_seen():
    """Of the first cell of 4 pixels one is lost, and the outline of the second has 5 instead of 4."""
    labels = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    back = labels.copy()
    back[0, 0] = 0
    assert differences(labels, (back, {1: 4, 2: 5})) == ("0.7500", "25.0%")
