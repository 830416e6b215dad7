"""Intervals and tests by hand counts and properties."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from benchmarks.table.bootstrap import EXACT, group_draws, interval, numbered, paired_p, sums_of_groups
from benchmarks.table.columns import COLUMNS
from benchmarks.table.results import Images, Score
from inference.files.image_counts import ScoredImages


def images_of(hits, *, of=10):
    """Images of `of` pixels, of which so many are right, and the others missed."""
    pixels = np.array([[[hit, 0, of - hit]] for hit in hits])
    return ScoredImages(tuple(f"i{number}" for number in range(len(hits))), pixels, None)


def rows(*of_seeds, groups, kinds=None):
    names = [f"i{number}" for number in range(len(groups))]
    kinds = kinds or ["k"] * len(groups)
    return Images(of_seeds, dict(zip(names, groups, strict=True)), dict(zip(names, kinds, strict=True)))


def test_draws():
    draws = group_draws(5, 300)
    assert draws.shape == (300, 5)
    assert (draws.sum(1) == 5).all()
    assert draws.std() > 0.5
    assert (draws == group_draws(5, 300)).all()


def test_sums_of_groups():
    number = numbered(["b", "a", "b"])
    assert number.tolist() == [1, 0, 1]
    (sums,) = sums_of_groups([np.array([[1.0, 10], [2, 20], [4, 40]])], number, 2)
    assert sums.tolist() == [[2, 20], [5, 50]]


def test_interval():
    assert interval(np.arange(1001)) == (25, 975)


def test_two_groups_by_hand():
    """A draw of two groups has both in half of the cases, and each twice in a quarter. So the scores are 0.2 and 0.8
    with a quarter each, and 0.5 between them: the interval goes from the lowest to the highest.
    """
    score = rows(images_of([2, 2, 8, 8]), groups="aabb").score(COLUMNS["iou"])
    assert (score.mean, score.low, score.high) == (0.5, 0.2, 0.8)


def test_groups_are_drawn_and_not_tiles():
    """Copies of an image tell nothing new and must not narrow the interval; as images by themselves they do."""
    hits = [1, 3, 4, 6, 7, 9]
    once = rows(images_of(hits), groups="abcdef").score(COLUMNS["iou"])
    copies = images_of([hit for hit in hits for _ in range(9)])
    grouped = rows(copies, groups=[group for group in "abcdef" for _ in range(9)]).score(COLUMNS["iou"])
    assert (grouped.low, grouped.high) == pytest.approx((once.low, once.high))
    alone = rows(copies, groups=[str(number) for number in range(54)]).score(COLUMNS["iou"])
    assert alone.high - alone.low < 0.5 * (grouped.high - grouped.low)


def test_the_interval_covers_what_it_says():
    """Sets of 30 groups with a known mean: about 95 % of the intervals hold it."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(100):
        score = rows(images_of(rng.binomial(10, 0.5, 30)), groups=list(map(str, range(30)))).score(COLUMNS["iou"])
        held += score.low <= 0.5 <= score.high
    assert binomtest(held, 100, 0.95).pvalue > 0.001


def test_seeds():
    """Standard deviation of 0.4 and 0.6 with n − 1: 0.1414."""
    score = rows(images_of([4, 4]), images_of([6, 6]), groups="ab").score(COLUMNS["iou"])
    assert (score.of_seeds, score.mean, score.low, score.high) == ((0.4, 0.6), 0.5, 0.5, 0.5)
    assert str(score) == "0.500 ± 0.141 (0.500 to 0.500)"
    assert str(Score((0.4,), 0.3, 0.5)) == "0.400 (0.300 to 0.500)"


def test_kinds_and_scores_that_are_not_there():
    images = rows(images_of([2, 8, 5]), groups="abc", kinds="xyx")
    assert images.of_kind("x").score(COLUMNS["iou"]).mean == 0.35
    assert images.of_kind("z").score(COLUMNS["iou"]) is None
    assert images.score(COLUMNS["ap_50"]) is None
    assert images.score(replace(COLUMNS["iou"], ratio=lambda _: (np.zeros((3, 1)),) * 2, empty=np.nan)) is None


def test_paired_permutations_by_hand():
    """Of the eight signs of 1, 2 and 3 only + + + and − − − have a sum as far from 0: p = 2/8."""
    assert paired_p(lambda exchanged: (1 - 2 * exchanged) @ np.array([1, 2, 3]), 3) == 0.25
    assert paired_p(lambda exchanged: np.zeros(len(exchanged)), 3) == 1.0


def test_many_groups_are_tried_at_random():
    gains = np.r_[np.ones(14), -np.ones(6)]  # the sign test: 14 or more of 20, two-sided
    assert len(gains) > EXACT
    p = paired_p(lambda exchanged: (1 - 2 * exchanged) @ gains, 20)
    assert p == pytest.approx(binomtest(14, 20, 0.5).pvalue, abs=0.02)
    assert paired_p(lambda exchanged: (1 - 2 * exchanged) @ np.ones(40), 40) == pytest.approx(1e-4)
