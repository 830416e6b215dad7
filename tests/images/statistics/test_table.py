"""The table of a checkpoint: what goes in comes out, and anything else is no table."""

import numpy as np
import pytest
import torch

from images.statistics.table import ROWS, ImageTable, measured_rows


def test_a_table_and_its_way_through_a_checkpoint(tmp_path):
    table = ImageTable.of_rows([{"a": 1.0, "b": np.nan}, {"a": 2.0, "c": 3.0}])
    assert table.names == ("a", "b", "c")
    np.testing.assert_array_equal(table.columns["c"], [np.nan, 3])
    torch.save(table.to_dict(), tmp_path / "table.pth")
    back = ImageTable.from_dict(torch.load(tmp_path / "table.pth", weights_only=True))
    assert back.names == table.names
    assert back.values.tobytes() == table.values.tobytes()


@pytest.mark.parametrize(
    "state",
    [None, {}, 7, {"names": ["a"]}, {"names": ["a"], "values": [[1.0]]}, {"names": [], "values": torch.zeros(2, 1)}],
)
def test_anything_else_is_no_table(state):
    assert ImageTable.from_dict(state) is None


def test_images_that_are_measured_are_spread_over_all():
    assert measured_rows(0) == []
    assert measured_rows(3) == [0, 1, 2]
    many = measured_rows(10 * ROWS)
    assert (many[0], many[-1], len(many)) == (0, 10 * ROWS - 1, ROWS)
