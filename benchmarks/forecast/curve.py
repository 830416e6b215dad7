"""Scores against numbers of training images, the curve through them, and how far it can be trusted.

Errors of trained networks fall with the number n of training images about as a power of n towards a limit (Cortes et
al. 1994, "Learning curves: asymptotic values and rate of convergence"; Hestness et al. 2017): 1 − score = a + b n^(−c).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import least_squares

from benchmarks.table.bootstrap import group_draws, interval, numbered
from benchmarks.table.columns import Column
from inference.files.image_counts import ScoredImages

LEAST = 3  # numbers of images that a curve needs
ROUNDS = 300  # of the bootstrap
MORE = (2, 4)  # times the largest number: where the score is forecast
RATES = (0.05, 2.0)  # allowed c


@dataclass(frozen=True)
class Forecast:
    """A score at a number of images that was not trained with, and the interval of 95 %."""

    images: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """The scores of a variant.

    Attributes:
        sizes: numbers of training images, rising.
        scores: the scores of the draws of each.
        resampled: [rounds, sizes] float64, the mean score of each size in a bootstrap over groups of validation images
            and over draws.
    """

    sizes: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]
    resampled: np.ndarray

    @property
    def means(self) -> np.ndarray:
        return np.array([np.mean(one) for one in self.scores])

    @cached_property
    def forecasts(self) -> list[Forecast]:
        """The forecasts at `MORE` times the largest number; none if there are too few numbers of images."""
        return [self.at(factor * self.sizes[-1]) for factor in MORE] if len(self.sizes) >= LEAST else []

    @cached_property
    def backtest(self) -> Forecast | None:
        """The forecast at the largest number from the others alone, to compare with what was measured there."""
        if len(self.sizes) <= LEAST:
            return None
        others = Curve(self.sizes[:-1], self.scores[:-1], self.resampled[:, :-1])
        return others.at(self.sizes[-1])

    def at(self, images: int) -> Forecast:
        """Returns the score of the fitted curve at a number of images."""
        found = predicted(fitted(self.sizes, self.means), images)
        drawn = np.array([predicted(fitted(self.sizes, means), images) for means in self.resampled])
        return Forecast(images, float(found), *interval(drawn))


def curve_of(
    scored: Mapping[int, Sequence[ScoredImages]], column: Column, groups: Mapping[str, str], *, rounds: int = ROUNDS
) -> Curve:
    """Scores the runs of each number of images, and resamples them.

    Args:
        scored: number of training images → the validation images of each draw.
        groups: id → the group of the image; whole groups are drawn.
    """
    sizes, rng = sorted(scored), np.random.default_rng(0)
    first = scored[sizes[0]][0]
    number = numbered([groups[one] for one in first.ids])
    weights = group_draws(number.max() + 1, rounds)[:, number]  # [rounds, images]
    scores, means = [], []
    for size in sizes:
        ratios = [column.ratio(images) for images in scored[size]]
        scores.append(tuple(float(column.score(ratio, np.ones(len(first.ids)))) for ratio in ratios))
        drawn = np.stack([column.score(ratio, weights) for ratio in ratios], axis=1)  # [rounds, draws]
        chosen = rng.integers(0, len(ratios), drawn.shape)
        means.append(np.take_along_axis(drawn, chosen, axis=1).mean(axis=1))
    return Curve(tuple(sizes), tuple(scores), np.stack(means, axis=1))


def fitted(sizes: Sequence[int], scores: Sequence[float]) -> tuple[float, float, float]:
    """Returns (a, b, c) of the curve through some scores, by least squares; a and b are in [0, 1]."""
    relative, errors = np.asarray(sizes, float) / sizes[0], 1 - np.asarray(scores, float)
    residuals = lambda given: given[0] + given[1] * relative ** -given[2] - errors
    low, high = float(np.clip(errors.min(), 1e-3, 0.99)), float(np.clip(np.ptp(errors), 1e-3, 0.99))
    found = least_squares(residuals, (0.5 * low, high, 0.5), bounds=((0, 0, RATES[0]), (1, 1, RATES[1])))
    limit, scale, rate = found.x.tolist()
    return limit, scale * sizes[0] ** rate, rate


def predicted(curve: tuple[float, float, float], images: float | np.ndarray) -> float | np.ndarray:
    """Returns the score of a curve at numbers of images."""
    limit, scale, rate = curve
    return 1 - limit - scale * np.asarray(images, float) ** -rate
