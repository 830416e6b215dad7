"""How many windows of each image an epoch has, by hand."""

from collections import Counter

import numpy as np
import pytest

from datasets.loading.shares import Shares, UnequalShares, balanced_shares, shares_by_area


def counted(shares, epoch, windows):
    return Counter(shares.image_of(epoch, index) for index in range(windows))


def test_by_default_each_image_has_as_many():
    assert [Shares(2).image_of(7, index) for index in range(6)] == [0, 0, 1, 1, 2, 2]


def test_areas_by_hand():
    assert shares_by_area([100, 100, 100], 4).tolist() == [4, 4, 4]
    # Twelve windows for areas of 1 : 1 : 4.
    assert shares_by_area([100, 100, 400], 4) == pytest.approx([2, 2, 8])
    # Eight windows for 1 : 1 : 1 : 97: the small ones would get 0.08; each gets 1, and the large one the other five.
    assert shares_by_area([1, 1, 1, 97], 2) == pytest.approx([1, 1, 1, 5])
    # Ten windows: 1 of 100 gets 1. The other nine are shared out 9 : 90, and 9 of 99 would get 0.82, so it gets 1.
    assert shares_by_area([1, 9, 90, 0.01, 0.02], 2) == pytest.approx([1, 1, 6, 1, 1])


def test_rare_kinds_by_hand():
    # √4 : √1 = 2 : 1 of ten windows: 6.67 for four images, and 3.33 for one.
    assert balanced_shares(["a"] * 4 + ["b"], 2) == pytest.approx([10 / 6] * 4 + [10 / 3])
    assert balanced_shares(["a"] * 3, 2) == pytest.approx([2, 2, 2])


@pytest.mark.parametrize("windows", [1, 2, 3])
def test_every_epoch_has_the_same_number_of_windows_and_the_shares_are_met(windows):
    wanted = balanced_shares(["a"] * 9 + ["b"] * 2 + ["c"], windows)
    shares, sums, different = UnequalShares(wanted, seed=5), Counter(), set()
    for epoch in range(1, 201):
        found = counted(shares, epoch, 12 * windows)
        assert sum(found.values()) == 12 * windows
        assert all(np.floor(wanted[image]) <= found[image] <= np.ceil(wanted[image]) for image in range(12))
        different.add(tuple(found[image] for image in range(12)))
        sums += found
    assert [sums[image] / 200 for image in range(12)] == pytest.approx(wanted, abs=0.12)
    assert len(different) > 1


def test_the_draw_is_a_function_of_seed_and_epoch_and_no_image_is_left_out_by_area():
    wanted = shares_by_area([100, 150, 230, 520], 3)  # 1.2, 1.8, 2.76 and 6.24 windows
    first, second, other = (UnequalShares(wanted, seed=seed) for seed in (1, 1, 2))
    second.image_of(9, 0)
    for epoch in (1, 2, 3):
        assert counted(first, epoch, 12) == counted(second, epoch, 12)
        assert set(counted(first, epoch, 12)) == {0, 1, 2, 3}
    assert any(counted(first, epoch, 12) != counted(other, epoch, 12) for epoch in range(1, 20))
