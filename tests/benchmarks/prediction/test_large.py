"""The benchmark of large images finds the same cells in blocks and at once, and measures memory."""

import sys
import time

import numpy as np
import pytest

from benchmarks.prediction import large_image
from benchmarks.prediction.large import measured, peak_of_anonymous_memory
from images import regions
from images.reading import decode_labels, read_bytes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.slow
def test_a_row_of_the_table(tmp_path):
    method, cells, milliseconds, _, megabytes, at_once, different = (
        measured("border", 1300, tmp_path).strip("| ").split(" | ")
    )
    assert (method, different) == ("border", "0")
    assert int(cells.replace(",", "")) == int(at_once.replace(",", "")) > 500
    assert int(milliseconds) > 0
    assert int(megabytes) >= 0  # memory that earlier tests gave back is used again


def test_the_peak_is_that_of_the_memory_in_between():
    with peak_of_anonymous_memory() as peak:
        array = np.ones(10**7)  # 80 MB
        time.sleep(0.2)
    assert 70e6 < peak[0] < array.nbytes + 20e6


@pytest.mark.slow
def test_a_large_image_from_file_to_files(tmp_path, monkeypatch):
    large_image.write_image(tmp_path / "image.tif", 600, channels=3)
    monkeypatch.setattr(regions.open_rows, "__kwdefaults__", {"above": 1000})
    row = large_image.measured(None, tmp_path / "image.tif", 600, tmp_path / "out")
    cells, _, megabytes, *_ = [cell.strip() for cell in row.strip("|").split("|")][2:]
    assert int(cells.replace(",", "")) > 100
    assert int(megabytes) < 500
    found = decode_labels(read_bytes(tmp_path / "out" / "labels" / "image.tif"), "image.tif")
    assert found.max() == int(cells.replace(",", ""))
