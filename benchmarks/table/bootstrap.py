"""How sure a score is: intervals by resampling groups of images, and a paired test.

Tiles of one field are alike, so that they are no independent images: whole groups are drawn (the cluster bootstrap;
Davison and Hinkley 1997, section 3.8). The interval holds from 2.5 % to 97.5 % of the draws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

DRAWS, PERMUTATIONS, EXACT = 2000, 9999, 12


def group_draws(groups: int, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Returns how often each group is drawn in sets of as many groups, with replacement: [draws, groups] integer."""
    drawn = np.random.default_rng(seed).integers(0, groups, (draws, groups))
    return np.stack([np.bincount(row, minlength=groups) for row in drawn])


def numbered(groups: Sequence[str]) -> np.ndarray:
    """Returns the number of the group of each image, from 0 on: [images] integer."""
    return np.unique(list(groups), return_inverse=True)[1].reshape(-1)


def sums_of_groups(ratio: Iterable[np.ndarray], number: Sequence[int], groups: int) -> list[np.ndarray]:
    """Returns the sums over the images of each group, [groups, K], of arrays [images, K]; `number` is as `numbered`."""
    return [np.stack([np.bincount(number, one[:, k], groups) for k in range(one.shape[1])], axis=1) for one in ratio]


def interval(scores: np.ndarray) -> tuple[float, float]:
    """Returns the percentile interval of 95 % of the scores of draws, [draws]."""
    low, high = np.percentile(scores, (2.5, 97.5)).tolist()
    return low, high


def paired_p(statistic: Callable[[np.ndarray], np.ndarray], groups: int) -> float:
    """Returns the p-value of a paired permutation test, two-sided.

    If two methods are equally good, each group may exchange their results. All exchanges are tried if there are at most
    2**`EXACT`; otherwise `PERMUTATIONS` are drawn, and the observed one counts as one of them (Phipson and Smyth 2010).

    Args:
        statistic: which groups are exchanged, [N, groups] integer {0, 1} → the difference of the two methods, [N].
        groups: how many there are.
    """
    if groups <= EXACT:
        exchanged = (np.arange(2**groups)[:, None] >> np.arange(groups)) & 1
    else:
        drawn = np.random.default_rng(0).integers(0, 2, (PERMUTATIONS, groups))
        exchanged = np.concatenate([np.zeros((1, groups), drawn.dtype), drawn])
    differences = np.abs(statistic(exchanged))
    return float((differences >= differences[0] - 1e-12).mean())
