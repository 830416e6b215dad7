"""Images → groups that no split may divide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from datasets.grouping.neighbours import APART, Pair, near_duplicates, neighbours
from datasets.grouping.views import View

UNREAD = "not readable"  # the kind of such an image


@dataclass(frozen=True)
class Grouping:
    """The groups of a set.

    Attributes:
        groups: id → the name of its group, which is the first id of the group.
        kinds: id → the kind of the image, see `datasets.grouping.views.kind_of`.
        given: whether dataset.yaml gives the groups; otherwise they are what the pairs connect.
        tiles: pairs of ids of which one image continues the other.
        duplicates: pairs of ids of near duplicates.
        by_chance: number of images that find such a neighbour among edges that do not face each other: the control.
    """

    groups: Mapping[str, str]
    kinds: Mapping[str, str]
    given: bool
    tiles: Sequence[tuple[str, str]]
    duplicates: Sequence[tuple[str, str]]
    by_chance: int

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All pairs that were found."""
        return [*self.tiles, *self.duplicates]

    @property
    def related(self) -> set[str]:
        """The ids of the images with a neighbour."""
        return {one for pair in self.tiles for one in pair}

    @property
    def description(self) -> str:
        """Returns a sentence without a full stop."""
        sizes = Counter(self.groups.values()).values()
        how = "given in dataset.yaml" if self.given else "found"
        return (
            f"{len(sizes)} groups of {len(self.groups)} images {how}, {max(sizes)} images in the largest; "
            f"{len(self.related)} images continue another one ({self.by_chance} where edges do not face each other), "
            f"{len({one for pair in self.duplicates for one in pair})} are near duplicates"
        )

    def across(self, split: Mapping[str, str], part: str, other: str) -> list[str]:
        """Returns the ids of `part` that continue or repeat an image of the part `other`, sorted."""
        found = set()
        for pair in self.pairs:
            for one, beside in (pair, pair[::-1]):
                if split.get(one) == part and split.get(beside) == other:
                    found.add(one)
        return sorted(found)


def group_images(views: Mapping[str, View | None], given: Mapping[str, str] | None = None) -> Grouping:
    """Finds near duplicates and neighbours, and what belongs together.

    Args:
        views: id → the view of the image; None for one that cannot be read, which is a group by itself.
        given: id → the name of its group. Images without a name are groups by themselves. None: what is found counts.
    """
    ids = sorted(views)
    seen = [one for one in ids if views[one] is not None]
    looks = [views[one] for one in seen]
    duplicates = near_duplicates(looks)
    first = components(len(seen), duplicates)
    shown = [number for number in range(len(seen)) if first[number] == number]  # one of each that is there twice
    tiles, chance = (
        [(shown[a], shown[b]) for a, b in neighbours([looks[number] for number in shown], *sides)]
        for sides in ((), (APART,))
    )
    named = lambda pairs: tuple((seen[a], seen[b]) for a, b in pairs)
    number_of = {one: number for number, one in enumerate(ids)}
    links = named([*duplicates, *tiles]) if given is None else _within(given)
    roots = components(len(ids), [(number_of[a], number_of[b]) for a, b in links])
    return Grouping(
        groups={one: ids[roots[number]] for number, one in enumerate(ids)},
        kinds={one: UNREAD if views[one] is None else views[one].kind for one in ids},
        given=given is not None,
        tiles=named(tiles),
        duplicates=named(duplicates),
        by_chance=len({number for pair in chance for number in pair}),
    )


def _within(given: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yields pairs that connect the ids of each given group."""
    first: dict[str, str] = {}
    for one, group in given.items():
        yield first.setdefault(group, one), one


def components(count: int, pairs: Iterable[Pair]) -> list[int]:
    """Returns, for each number below `count`, the smallest number that the pairs connect it with."""
    smallest = list(range(count))

    def root(number: int) -> int:
        while smallest[number] != number:
            smallest[number] = number = smallest[smallest[number]]
        return number

    for pair in pairs:
        low, high = sorted(map(root, pair))
        smallest[high] = low
    return [root(number) for number in range(count)]
