"""Views of images → pairs that show the same: near duplicates, and tiles of which one continues the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from datasets.grouping.views import View

BITS = 6  # of two hashes of 63 bits that differ at most; unrelated images differ in about 31
AGREEMENT = 0.95  # of two edges at least, see `agreement`
LEAD = 2.0  # the next best partner disagrees at least so many times as much
ENTRIES = 2**22  # of the table of scores that is computed at once; one of 8 bytes for each pair
FACING = (("right", "left"), ("bottom", "top"))  # where tiles of one field touch
APART = (("left", "left"), ("right", "right"), ("top", "top"), ("bottom", "bottom"))  # such edges never touch

Pair = tuple[int, int]


def near_duplicates(views: Sequence[View]) -> list[Pair]:
    """Returns the pairs of images whose perceptual hashes differ in at most `BITS` bits, whatever their sizes are."""
    numbers = [number for number, view in enumerate(views) if view.hash is not None]
    if len(numbers) < 2:
        return []
    signs = np.stack([views[number].hash for number in numbers]) * 2.0 - 1
    pairs = []
    step = max(1, ENTRIES // len(signs))
    for first in range(0, len(signs), step):
        alike = signs[first : first + step] @ signs.T >= signs.shape[1] - 2 * BITS
        pairs += [(numbers[first + a], numbers[b]) for a, b in np.argwhere(alike).tolist() if first + a < b]
    return pairs


def neighbours(views: Sequence[View], sides: Sequence[tuple[str, str]] = FACING) -> list[Pair]:
    """Returns the pairs of images of one size of which one continues the other, sorted.

    Two edges belong together if they agree by `AGREEMENT`, each is the best partner of the other, and no other partner
    comes near: uneven light makes many edges of a set alike.

    Args:
        sides: the sides of the first and of the second image that are compared. `APART` gives a control: pairs that it
            finds are found by chance.
    """
    found: set[Pair] = set()
    for size in sorted({view.size for view in views}):
        numbers = [number for number, view in enumerate(views) if view.size == size]
        for side, other in sides:
            lines = (np.stack([views[number].edges[name] for number in numbers]) for name in (side, other))
            found |= {tuple(sorted((numbers[a], numbers[b]))) for a, b in partners(*lines)}
    return sorted(found)


def agreement(lines: np.ndarray, others: np.ndarray) -> np.ndarray:
    """[N, L] and [M, L] → [N, M]: Lin's coefficient of concordance (Lin 1989, Biometrics 45, equation 2), at most 1.

    Unlike a correlation it also falls if two lines differ in brightness or in contrast. Without contrast it is 0.
    """
    means, variances = zip(*((one.mean(1), one.var(1)) for one in (lines, others)), strict=True)
    covariance = (lines - means[0][:, None]) @ (others - means[1][:, None]).T / lines.shape[1]
    scale = variances[0][:, None] + variances[1] + (means[0][:, None] - means[1]) ** 2
    return 2 * covariance / np.where(scale > 0, scale, 1)


def partners(lines: np.ndarray, others: np.ndarray) -> Iterator[Pair]:
    """Yields the rows of [N, L] and of [N, L] that belong together, see `neighbours`; row n of both is image n."""
    count = len(lines)
    step = max(1, ENTRIES // count)
    rows, columns = _Best.of(count), _Best.of(count)
    for first in range(0, count, step):
        here = np.arange(first, min(first + step, count))
        scores = agreement(lines[here], others)
        scores[here - first, here] = -np.inf  # an image is no partner of itself
        rows.add(scores, here, np.arange(count))
        columns.add(scores.T, np.arange(count), here)
    for a, b in enumerate(rows.partner.tolist()):
        score, second = rows.score[a], max(rows.second[a], columns.second[b])
        if score >= AGREEMENT and columns.partner[b] == a and 1 - second >= LEAD * (1 - score):
            yield a, b


@dataclass
class _Best:
    """The best partner of each line, its score, and the score of the second best, of all blocks so far."""

    score: np.ndarray
    second: np.ndarray
    partner: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, count: int) -> _Best:
        return cls(np.full(count, -np.inf), np.full(count, -np.inf), np.full(count, -1))

    def add(self, scores: np.ndarray, lines: np.ndarray, partners: np.ndarray) -> None:
        """Takes the scores [lines, partners] of these lines and partners."""
        if scores.shape[1] > 1:
            second, best = np.partition(scores, -2, axis=1)[:, -2:].T
        else:
            second, best = np.full(len(scores), -np.inf), scores[:, 0]
        self.second[lines] = np.maximum(np.maximum(self.second[lines], second), np.minimum(self.score[lines], best))
        better = best > self.score[lines]
        self.score[lines[better]] = best[better]
        self.partner[lines[better]] = partners[scores[better].argmax(axis=1)]
