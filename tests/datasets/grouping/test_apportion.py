"""Whole groups are shared out; shares and kinds come out as near as whole groups allow."""

import random
from collections import Counter

import pytest

from datasets.grouping.apportion import apportion
from system.errors import DataError


def set_of(*sizes, kind="a", start=0):
    """Groups of these sizes: (groups, kinds) by id."""
    groups = {f"{kind}{start + g} {n}": f"{kind}{start + g}" for g, size in enumerate(sizes) for n in range(size)}
    return groups, dict.fromkeys(groups, kind)


def test_by_hand():
    """Of 10 images, 8 are wanted for training and 2 for validation. With c images of one kind, χ² rises by twice (once
    for all images, once for the kind) (c² − 2c·lacking) / expected.

    - The group of 4: train (16 − 64) / 8 = −6, val (16 − 16) / 2 = 0; it trains.
    - The first of 2: train (4 − 16) / 8 = −1.5, val (4 − 8) / 2 = −2; it validates.
    - The second of 2: train −1.5, val (4 − 0) / 2 = 2; it trains.
    - The two of 1: train (1 − 4) / 8 and (1 − 2) / 8, val (1 − 0) / 2; they train.
    """
    groups, kinds = set_of(4, 2, 2, 1, 1)
    for seed in range(8):
        parts = apportion(groups, kinds, {"train": 0.8, "val": 0.2}, seed=seed)
        assert Counter(parts.values()) == {"train": 8, "val": 2}
        (validating,) = {groups[one] for one, part in parts.items() if part == "val"}
        assert validating in ("a1", "a2")


def test_each_kind_has_its_share():
    groups, kinds = (a | b for a, b in zip(set_of(*[2] * 20), set_of(*[2] * 5, kind="b"), strict=True))
    for seed in range(5):
        parts = apportion(groups, kinds, {str(n): 0.2 for n in range(5)}, seed=seed)
        assert Counter((part, kinds[one]) for one, part in parts.items()) == {
            (str(n), kind): count for n in range(5) for kind, count in (("a", 8), ("b", 2))
        }


@pytest.mark.parametrize("seed", range(30))
def test_no_group_is_divided_and_no_part_is_empty(seed):
    chance = random.Random(seed)
    groups, kinds = set_of(*(chance.choice((1, 1, 2, 4, 9)) for _ in range(chance.randrange(5, 40))))
    kinds = {one: chance.choice("xyz") for one in kinds}
    shares = chance.choice([{"train": 0.8, "val": 0.2}, {"val": 0.999, "train": 0.001}, dict.fromkeys("01234", 0.2)])
    parts = apportion(groups, kinds, shares, seed=seed)
    assert parts.keys() == groups.keys()
    assert set(parts.values()) == set(shares)
    assert len({(groups[one], part) for one, part in parts.items()}) == len(set(groups.values()))
    shuffled = dict(chance.sample(sorted(groups.items()), len(groups)))
    assert apportion(shuffled, kinds, shares, seed=seed) == parts


def test_the_seed_draws_among_equal_groups():
    groups, kinds = set_of(*[1] * 20)
    drawn = [apportion(groups, kinds, {"train": 0.8, "val": 0.2}, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_fewer_groups_than_parts():
    with pytest.raises(DataError, match=r"2 parts \(train, val\) need .* 5 images are 1 groups; add .* data\.folds"):
        apportion(*set_of(5), {"train": 0.8, "val": 0.2}, seed=0)
