"""Bootstrap intervals, compared with scipy and with the normal distribution."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from metrics import intervals
from metrics.intervals import ratio_interval

RNG = np.random.default_rng(3)


def test_the_mean_of_normal_numbers():
    """The interval of a mean is ± 1.96 standard errors, within the noise of 2,000 draws."""
    values = RNG.normal(5, 2, 400)
    low, high = ratio_interval(values, np.ones(400))
    error = values.std() / np.sqrt(400)
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)


def test_a_ratio_agrees_with_scipy():
    wholes = RNG.integers(1, 60, 80)
    parts = RNG.binomial(wholes, 0.7)
    pooled = lambda hits, all_cells, axis=-1: hits.sum(axis) / all_cells.sum(axis)
    expected = bootstrap(
        (parts, wholes), pooled, paired=True, method="percentile", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    assert ratio_interval(parts, wholes) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_equal_images_have_no_width():
    assert ratio_interval(np.full(9, 3), np.full(9, 4)) == (0.75, 0.75)


def test_few_or_empty_images_have_no_interval():
    assert ratio_interval(np.array([1]), np.array([2])) is None
    assert ratio_interval(np.zeros(5), np.zeros(5)) is None
    low, high = ratio_interval(np.array([0, 4]), np.array([0, 5]))  # an image without cells may be drawn alone
    assert (low, high) == (0.8, 1.0)


def test_blocks_of_draws_and_seeds(monkeypatch):
    parts, wholes = RNG.integers(0, 5, 50), np.full(50, 5)
    first = ratio_interval(parts, wholes)
    assert ratio_interval(parts, wholes) == first
    assert ratio_interval(parts, wholes, seed=1) != first
    monkeypatch.setattr(intervals, "AT_ONCE", 333)
    assert ratio_interval(parts, wholes) == first


@pytest.mark.parametrize("at_once", [2**22, 700])
def test_there_are_2000_draws_whether_they_are_made_at_once_or_in_parts(at_once, monkeypatch):
    monkeypatch.setattr(intervals, "AT_ONCE", at_once)
    parts, wholes = RNG.integers(0, 9, 40), RNG.integers(9, 20, 40)
    drawn = np.random.default_rng(5).integers(0, 40, (2000, 40))
    expected = np.quantile(parts[drawn].sum(1) / wholes[drawn].sum(1), [0.025, 0.975])
    assert ratio_interval(parts, wholes, seed=5) == pytest.approx(tuple(expected), abs=1e-12)
