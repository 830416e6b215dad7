"""Some of many things, evenly spread over all of them."""

import itertools

from system.spread import spread


def test_few_things_are_all_taken():
    assert spread("abc", 10) == ["a", "b", "c"]
    assert spread([], 3) == []


def test_of_many_things_the_ends_and_what_lies_evenly_between_are_taken():
    assert spread(range(101), 3) == [0, 50, 100]
    found = spread(range(5000), 1000)
    assert (len(set(found)), found == sorted(found), found[0], found[-1]) == (1000, True, 0, 4999)
    steps = {after - before for before, after in itertools.pairwise(found)}
    assert steps <= {4, 5, 6}
    assert spread(range(5), 1) == [0]
