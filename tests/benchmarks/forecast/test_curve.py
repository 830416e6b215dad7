"""The curve of a forecast: it finds the numbers that made the scores, and its intervals say how sure it is."""

import numpy as np
import pytest

from benchmarks.forecast.curve import Curve, curve_of, fitted, predicted
from benchmarks.table.columns import COLUMNS
from inference.files.image_counts import ScoredImages

SIZES = (10, 20, 40, 80, 160)


def images_of(shares, *, of=1000):
    """Images of `of` pixels, of which these shares are right, and the others missed."""
    hits = np.round(np.asarray(shares) * of).astype(int)
    pixels = np.stack([hits, np.zeros_like(hits), of - hits], axis=1)[:, None]
    return ScoredImages(tuple(f"i{number}" for number in range(len(hits))), pixels, None)


@pytest.mark.parametrize("truth", [(0.1, 1.2, 0.5), (0.0, 0.9, 0.3), (0.3, 2.0, 1.0)])
def test_the_numbers_of_a_curve_are_found(truth):
    scores = predicted(truth, np.array(SIZES))
    assert predicted(fitted(SIZES, scores), 640) == pytest.approx(predicted(truth, 640), abs=2e-3)


def test_a_score_that_does_not_rise_is_forecast_as_it_is():
    curve = fitted(SIZES, [0.7] * 5)
    assert predicted(curve, 640) == pytest.approx(0.7, abs=0.01)


def test_scores_are_those_of_the_draws_and_are_resampled_by_groups():
    groups = {f"i{number}": str(number // 2) for number in range(20)}
    rng = np.random.default_rng(1)
    scored = {
        size: [images_of(np.clip(mean + 0.05 * rng.standard_normal(20), 0, 1)) for _ in range(3)]
        for size, mean in zip(SIZES, predicted((0.1, 1.2, 0.5), np.array(SIZES)), strict=True)
    }
    curve = curve_of(scored, COLUMNS["iou"], groups, rounds=100)
    assert curve.sizes == SIZES
    assert [len(one) for one in curve.scores] == [3] * 5
    assert curve.resampled.shape == (100, 5)
    assert np.abs(curve.resampled.mean(0) - curve.means).max() < 0.02
    assert [one.images for one in curve.forecasts] == [320, 640]
    for one in curve.forecasts:
        assert one.low < predicted((0.1, 1.2, 0.5), one.images) < one.high
        assert one.high - one.low < 0.2
    assert curve.backtest.images == 160
    assert curve.backtest.low < curve.means[-1] < curve.backtest.high


def test_noise_widens_the_interval():
    means = predicted((0.1, 1.2, 0.5), np.array(SIZES))
    widths = []
    for noise in (0.002, 0.02):
        drawn = means + noise * np.random.default_rng(0).standard_normal((100, 5))
        last = Curve(SIZES, tuple((mean,) for mean in means), drawn).forecasts[-1]
        widths.append(last.high - last.low)
    assert widths[1] > 3 * widths[0]


def test_few_numbers_of_images_give_no_forecast():
    curve = Curve((10, 20), ((0.5,), (0.6,)), np.tile([0.5, 0.6], (9, 1)))
    assert (curve.forecasts, curve.backtest) == ([], None)
    three = Curve((10, 20, 40), ((0.5,), (0.6,), (0.65,)), np.tile([0.5, 0.6, 0.65], (9, 1)))
    assert (len(three.forecasts), three.backtest) == (2, None)
