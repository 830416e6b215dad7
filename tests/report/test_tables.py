"""Tables that are read and shown."""

import pytest

from report.tables import MAX_ROWS, Cell, Column, make_table, number, read_rows


def test_rows_are_read_with_any_names(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text('id,iou\n"a,""b""\n<i>",0.5\nc\n', encoding="utf-8")
    assert read_rows(path) == [{"id": 'a,"b"\n<i>', "iou": "0.5"}, {"id": "c", "iou": ""}]
    assert read_rows(tmp_path / "none.csv") == []
    path.write_text("image,note\n'=1+1,'x\n''a,-1\n", encoding="utf-8")  # names are guarded against spreadsheets
    assert read_rows(path) == [{"image": "=1+1", "note": "'x"}, {"image": "'a", "note": "-1"}]
    path.write_text("\n")  # what pandas writes for a table without columns
    assert read_rows(path) == []


@pytest.mark.parametrize(
    ("text", "value"), [("1.5", 1.5), ("", None), (None, None), ("nan", None), ("inf", None), ("x", None)]
)
def test_numbers(text, value):
    assert number(text) == value


def test_a_table_has_the_columns_that_the_rows_have():
    rows = [{"id": "a", "iou": "0.25", "extra": ""}, {"id": "b", "iou": "", "extra": ""}]
    columns = (Column("id", "image"), Column("iou", "IoU", 1), Column("extra", "extra", 0), Column("split", "split", 0))
    table = make_table("x", columns, rows, filters={"iou": "with IoU", "split": "with split"}, chosen="the first")
    assert [column.name for column in table.columns] == ["id", "iou"]
    assert table.rows == [[Cell("a"), Cell("0.2", 0.25)], [Cell("b"), Cell("")]]
    assert table.filters == {1: "with IoU"}


def test_rows_are_bounded():
    columns, rows = (Column("id", "image"),), [{"id": "a"}] * (MAX_ROWS + 1)
    table = make_table("x", columns, rows, filters={}, chosen="the first")
    assert (len(table.rows), table.total) == (MAX_ROWS, MAX_ROWS + 1)
    assert make_table("x", columns, rows[:3], filters={}, chosen="the first", total=10).total == 10
