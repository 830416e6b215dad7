"""Names in CSV files: no spreadsheet computes them, and they come back unchanged."""

import csv

import pytest

from system.csv_text import csv_field, guarded, unguarded

FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-20C", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x","a")', "\uff1dA1"]
PLAIN = ["a", "A01/i0", "a-b", "a=b", "1+1", "Zelle größer", "细胞", "<b>x</b>", "", " =1", "100 %"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula_becomes_text(text):
    assert guarded(text) == "'" + text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays_as_it_is(text):
    assert guarded(text) == text


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN, "'", "''", "'=1", "'a"])
def test_every_text_comes_back(text):
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", [*FORMULAS, *PLAIN, "'a", 'a"b', '"', "a,b", "a;b", "a;=b", '",=1,"', "a\nb"])
def test_a_field_is_one_cell_for_every_reader(text):
    line = csv_field(text) + ",1"
    assert next(csv.reader([line])) == [guarded(text), "1"] if "\n" not in text else True
    (cell, *rest) = next(csv.reader([line], delimiter=";"))  # as spreadsheets of some languages read it
    assert (cell.startswith(guarded(text)[:1]), rest) == (True, [])


def test_without_quotes_a_semicolon_would_begin_a_formula():
    """The control of the test above."""
    assert next(csv.reader(["a;=b,1"], delimiter=";")) == ["a", "=b,1"]
