"""The scores of a row of a table: over its seeds, with intervals, for all images and for some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.table.bootstrap import group_draws, interval, sums_of_groups
from benchmarks.table.columns import Column
from inference.files.image_counts import ScoredImages


@dataclass(frozen=True)
class Score:
    """One cell of a table.

    Attributes:
        of_seeds: the score of each seed.
        low, high: the interval of 95 % of their mean.
    """

    of_seeds: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        return float(np.mean(self.of_seeds))

    def __str__(self) -> str:
        spread = f" ± {np.std(self.of_seeds, ddof=1):.3f}" if len(self.of_seeds) > 1 else ""
        return f"{self.mean:.3f}{spread} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class Images:
    """The scored images of one row.

    Attributes:
        of_seeds: the images of each seed; those of all folds together.
        groups, kinds: of each id.
    """

    of_seeds: Sequence[ScoredImages]
    groups: dict[str, str]
    kinds: dict[str, str]

    @property
    def ids(self) -> set[str]:
        return {one for images in self.of_seeds for one in images.ids}

    def of_kind(self, kind: str) -> Images:
        """Returns the images of one kind."""
        places = [[n for n, one in enumerate(images.ids) if self.kinds[one] == kind] for images in self.of_seeds]
        some = [images.only(chosen) for images, chosen in zip(self.of_seeds, places, strict=True)]
        return Images(some, self.groups, self.kinds)

    def score(self, column: Column) -> Score | None:
        """Returns a score; None if these images do not have it.

        The images of all seeds are drawn alike: a draw takes whole groups, and each of their images in every seed.
        """
        if not self.ids or not all(images.ids and column.fits(images) for images in self.of_seeds):
            return None
        names = sorted({self.groups[one] for one in self.ids})
        draws, place = group_draws(len(names)), {name: number for number, name in enumerate(names)}
        found, drawn = [], []
        for images in self.of_seeds:
            ratio, number = column.ratio(images), [place[self.groups[one]] for one in images.ids]
            found.append(float(column.score(ratio, np.ones(len(images.ids)))))
            drawn.append(column.of_sums(*(draws @ sums for sums in sums_of_groups(ratio, number, len(names)))))
        means = np.mean(drawn, axis=0)
        return None if np.isnan(found).any() else Score(tuple(found), *interval(means[~np.isnan(means)]))
