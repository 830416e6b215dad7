"""Sections as one table of dotted keys."""

from system.nested import flat


def test_keys_of_sections_within_sections_are_dotted():
    assert flat({"a": 1, "b": {"c": [2], "d": {"e": None}}, "f": {}}) == {"a": 1, "b.c": [2], "b.d.e": None}
