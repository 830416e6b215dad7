"""The table of exported models, on a small network."""

from argparse import Namespace

import numpy as np
import pytest
from support.networks import NARROW
from support.predictors import pixels_of, predictor_of

from benchmarks.prediction.export import HEAD
from benchmarks.prediction.exported import rows_of, timing_cells, untrained
from inference.export.formats import NETWORKS

GIVEN = Namespace(pixels=2 * 20 * 28, rounds=2, seconds=5, threads=1)


def test_times_of_a_row():
    predictor = predictor_of("distance", name="UNet", filters=NARROW[:2])
    calls = []
    cells = timing_cells(predictor, lambda pixels: calls.append(pixels), pixels_of(3), GIVEN).split("|")
    assert len(calls) == 3  # once without timing
    assert calls[0].shape == (2, 3, 20, 28)
    assert calls[0].dtype == np.float32
    assert float(cells[0]) > float(cells[1])  # the control: a function that does nothing is faster


@pytest.mark.slow
def test_the_table_has_all_columns(monkeypatch):
    monkeypatch.setattr("benchmarks.prediction.exported.NETWORKS", {"torch": NETWORKS["torch"]})
    (row,) = rows_of(predictor_of("binary", name="UNet", filters=NARROW[:2]), [], GIVEN)
    assert f"| UNet {row}".count("|") == HEAD.count("|")
    assert row.startswith("| torch | 0.")
    assert untrained("UNet", 64).model.tile == (64, 64)
