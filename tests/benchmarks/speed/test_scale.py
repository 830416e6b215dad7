"""The benchmark of ranks: its three shapes really take turns."""

import sys

import pytest

from benchmarks.speed import scale

pytestmark = pytest.mark.slow


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_threads_and_ranks_take_turns(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["scale", "--batch", "2", "--size", "32", "--rounds", "2"])
    scale.main()
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if "×" in line and "|" in line]
    shapes = [row for row in rows if row[0].strip() in scale.SHAPES]
    assert len(shapes) == 3
    assert all(float(row[1]) > 0 for row in shapes)
    assert shapes[0][3].split()[0] == "1.00"
