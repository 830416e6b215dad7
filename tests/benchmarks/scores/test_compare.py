"""The paired comparison by hand counts."""

import numpy as np
import pytest

from benchmarks.scores.compare import compared, mean_ratio
from benchmarks.table.bootstrap import numbered
from benchmarks.table.columns import COLUMNS
from inference.files.image_counts import ScoredImages

IOU = COLUMNS["iou"]


def images_of(hits, of=10):
    return ScoredImages(tuple(hits), np.array([[[hit, 0, of - hit]] for hit in hits.values()]), None)


def cells(first, second, groups):
    ids = sorted(first)
    score_of = dict(
        zip(
            ("first", "second", "difference", "interval", "p"),
            compared(IOU, [[images_of(first)], [images_of(second)]], ids, numbered([groups[one] for one in ids])),
            strict=True,
        )
    )
    return score_of


def test_by_hand():
    """Three groups gain 1, 1 and 2 of 10 pixels each: 0.5 and 0.6333 pooled. Of the eight exchanges two are as far."""
    found = cells({"a": 4, "b": 5, "c": 6}, {"a": 5, "b": 6, "c": 8}, {"a": "a", "b": "b", "c": "c"})
    assert (found["first"], found["second"], found["difference"]) == ("0.5000", "0.6333", "+0.1333")
    assert found["interval"] == "+0.1000 to +0.2000"  # one group three times, at either end
    assert found["p"] == "0.2500"


def test_one_group_says_nothing():
    found = cells({"a": 4, "b": 4}, {"a": 9, "b": 9}, {"a": "x", "b": "x"})
    assert (found["difference"], found["p"]) == ("+0.5000", "1.0000")


def test_equal_runs_do_not_differ():
    same = {f"i{number}": number for number in range(10)}
    found = cells(same, same, {one: one for one in same})
    assert (found["difference"], found["interval"], found["p"]) == ("+0.0000", "+0.0000 to +0.0000", "1.0000")


def test_pairing_finds_what_two_intervals_hide():
    """The images differ much, and each gains a little."""
    first = {f"i{number}": number % 9 for number in range(30)}
    found = cells(first, {one: hit + 1 for one, hit in first.items()}, {one: one for one in first})
    assert (found["difference"], found["interval"], found["p"]) == ("+0.1000", "+0.1000 to +0.1000", "0.0001")


def test_an_image_of_several_runs_counts_once():
    side = [images_of({"a": 2, "b": 4}), images_of({"b": 8, "c": 1})]
    parts, wholes = mean_ratio(IOU, side, ["a", "b", "c"])
    assert parts[:, 0] == pytest.approx([2, 6, 1])
    assert wholes[:, 0] == pytest.approx([10, 10, 10])
    parts, _ = mean_ratio(IOU, side, ["c", "b"])
    assert parts[:, 0] == pytest.approx([1, 6])
