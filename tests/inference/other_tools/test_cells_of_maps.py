"""Cells of label maps, their runs and their bands, against plain counts."""

import numpy as np
import pytest
from support.cell_maps import discs, noise

from inference.other_tools import cells as cells_module
from inference.other_tools.cells import bands, find_cells, runs_of


@pytest.mark.parametrize("pixels", [1, 25, 2**22])
@pytest.mark.parametrize("seed", range(20))
def test_cells_and_bands(seed, pixels, monkeypatch):
    monkeypatch.setattr(cells_module, "PIXELS", pixels)
    monkeypatch.setattr(cells_module, "TABLE", 10**7)
    labels = noise(seed)
    cells = find_cells(labels)
    expected = np.unique(labels[labels > 0])
    assert cells.ids.tolist() == expected.tolist()
    for label, area, box in zip(cells.ids, cells.areas, cells.boxes, strict=True):
        rows, columns = np.nonzero(labels == label)
        assert area == len(rows)
        assert box.tolist() == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    drawn = np.zeros(labels.shape, np.int64)
    for band in bands(labels, cells):
        window = drawn[band.top : band.top + len(band.numbers)]
        assert not window[band.numbers > 0].any()  # no pixel comes twice
        window += np.append(0, cells.ids[band.members])[band.numbers]
    assert np.array_equal(drawn, labels)


def test_runs_counted_by_hand():
    """A run does not go on in the next row, even where the same cell does."""
    runs = runs_of(np.array([[0, 2, 2, 5], [5, 5, 0, 5]], np.uint16))
    table = np.stack([runs.values, runs.lines, runs.starts, runs.lengths], axis=1)
    assert table.tolist() == [[2, 0, 1, 2], [5, 0, 3, 1], [5, 1, 0, 2], [5, 1, 3, 1]]


def test_bands_do_not_hold_the_whole_map(monkeypatch):
    monkeypatch.setattr(cells_module, "PIXELS", 240)
    labels = discs(400)
    heights = [len(band.numbers) for band in bands(labels, find_cells(labels))]
    assert len(heights) > 10
    assert max(heights) <= 24
