"""`groups:` of dataset.yaml, as a list or as a CSV file."""

import pytest

from datasets.folder.given_groups import given_groups
from system.errors import FileError

IDS = ["a1", "a2", "b1", "b2", "plate/7"]


def test_lists_patterns_and_tables_say_the_same(tmp_path):
    expected = {"a1": "x", "a2": "x", "plate/7": "y"}
    assert given_groups(tmp_path, {"x": ["a1", "a2"], "y": ["plate/7"]}, IDS) == expected
    assert given_groups(tmp_path, {"x": ["a*"], "y": ["plate/*"]}, IDS) == expected
    (tmp_path / "groups.csv").write_text("id,group\na1,x\na2,x\nplate/7,y\n")
    assert given_groups(tmp_path, "groups.csv", IDS) == expected
    assert given_groups(tmp_path, {1: [7]}, ["7"]) == {"7": "1"}  # YAML reads numbers
    assert given_groups(tmp_path, None, IDS) is None


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"x": ["a3"]}, r"dataset\.yaml: group 'x' names 'a3', and there is no such image; groups: lists"),
        ({"x": ["c*"]}, r"names 'c\*', and there is no such image"),
        ({"x": ["a*"], "y": ["a2"]}, "image 'a2' is in two groups, 'x' and 'y'"),
        (["a1"], r"groups: got \"\['a1'\]\""),
        ({"x": "a1"}, "groups: got"),
        ({"x": []}, "groups: got"),
        ({"x": [["a1"]]}, "groups: got"),
        (3, "groups: got '3'"),
        ("../groups.csv", "groups: got"),
        ("absent.csv", r"absent\.csv: cannot be read"),
        ("wrong.csv", r"wrong\.csv: is no table with the columns id,group"),
        ("short.csv", r"short\.csv: is no table"),
        ("two.csv", r"two\.csv: image 'a1' is in two groups"),
    ],
)
def test_what_is_refused(tmp_path, groups, told):
    (tmp_path / "wrong.csv").write_text("id,split\na1,x\n")
    (tmp_path / "short.csv").write_text("id,group\na1\n")
    (tmp_path / "two.csv").write_text("id,group\na1,x\na1,y\n")
    with pytest.raises(FileError, match=told):
        given_groups(tmp_path, groups, IDS)
