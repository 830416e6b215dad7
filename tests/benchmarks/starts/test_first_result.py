"""The benchmark of the first result: what it makes of the times that Python reports."""

from types import SimpleNamespace

import pytest

from benchmarks.starts.first_result import costs, costs_table

IMPORTS = """import time: self [us] | cumulative | imported package
import time:     30000 |      30000 |   json.decoder
import time:     10000 |      40000 | json
import time:    200000 |     200000 |       torch.nn
import time:    300000 |     500000 |     torch
import time:     50000 |     550000 |   engine.training
import time:      5000 |     555000 | train
import time:     15000 |      15000 | cv2
import time:     19000 |      19000 | yaml
a warning | of | something else
"""


def test_the_seconds_of_each_package_are_those_of_its_own_modules():
    found = costs(SimpleNamespace(stdout='draw\n{"seconds": 1.5}\n', stderr=IMPORTS))
    assert found == pytest.approx(
        {
            "torch": 0.5,
            "this project": 0.055,
            "Python's own modules": 0.04,
            "other packages": 0.034,
            "all but imports": 1.5 - 0.629,
        }
    )


def test_a_table_of_two_processes():
    table = costs_table({"a": {"torch": 1.0, "other packages": 0.5, "all but imports": 0.125}, "b": {"numpy": 2.0}})
    assert table.splitlines() == [
        "| seconds of | a | b |",
        "| --- | --- | --- |",
        "| torch | 1.00 | – |",
        "| numpy | – | 2.00 |",
        "| other packages | 0.50 | – |",
        "| all but imports | 0.12 | – |",
    ]
