"""Labels that are damaged on purpose: what was done is what is reported."""

import numpy as np
import pytest

from benchmarks.scores import suspects
from metrics import KINDS, Doubt


def discs():
    rows, columns = np.mgrid[:100, :100]
    labels = np.zeros((100, 100), np.int32)
    for number, (row, column) in enumerate([(15, 15), (15, 32), (60, 20), (60, 60), (20, 75)], start=1):
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= 64] = number
    return labels


@pytest.mark.parametrize("kind", KINDS)
def test_each_damage_changes_what_it_names(kind, monkeypatch):
    monkeypatch.setattr(suspects, "CHANGES", dict.fromkeys(KINDS, suspects.CHANGES[kind]))
    before = discs()
    before[before == 2] = 0
    before[15, 24:40] = before[16, 24:40] = before[14, 24:40] = 2  # touches the first
    labels = before.copy()
    found = suspects.damage(labels, 1 / 5, np.random.default_rng(3))
    assert [one.kind for one in found] == [kind]
    ids = {"missing": 4, "extra": 6, "merged": 4, "split": 6, "shifted": 5}[kind]
    assert len(set(np.unique(labels)) - {0}) == ids
    area = {"missing": np.less, "extra": np.greater, "merged": np.equal, "split": np.equal, "shifted": np.less_equal}
    assert area[kind]((labels > 0).sum(), (before > 0).sum())
    assert (labels != before).any()


def test_a_share_of_the_objects_is_damaged_and_none_twice():
    counts = [len(suspects.damage(discs(), 0.5, np.random.default_rng(seed))) for seed in range(20)]
    assert set(counts) == {2, 3}
    assert suspects.damage(discs(), 0.0, np.random.default_rng(0)) == []


def test_a_doubt_is_explained_by_its_ids_or_by_its_place():
    moved = suspects.Damage("shifted", (4,), (0, 0, 9, 9))
    removed = suspects.Damage("missing", (), (10, 10, 20, 20))
    assert moved.explains(Doubt("extra", 0.9, (4,), (50, 50, 60, 60), 9))
    assert not moved.explains(Doubt("extra", 0.9, (5,), (0, 0, 9, 9), 9))
    assert removed.explains(Doubt("missing", 0.9, (), (11, 11, 21, 21), 9))
    assert not removed.explains(Doubt("missing", 0.9, (), (18, 18, 30, 30), 9))
