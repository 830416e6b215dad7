"""Whole groups → parts of given shares, in which every kind of image has its share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from system.errors import DataError

ALL = ""  # the kind that every image has


def apportion(
    groups: Mapping[str, str], kinds: Mapping[str, str], shares: Mapping[str, float], *, seed: int
) -> dict[str, str]:
    """Assigns every group to one part; a pure function of its arguments.

    Groups come one after the other, the largest first and equally large ones in random order. Each goes to the part
    where Pearson's χ² of the numbers of images, of all and of each kind, rises least. So large groups, which fit in few
    places, are placed while there is room.

    Args:
        groups: id → group.
        kinds: id → kind.
        shares: part → its share of the images; they add up to 1.

    Returns:
        id → part; no part is empty.

    Raises:
        DataError: there are fewer groups than parts.
    """
    members: dict[str, list[str]] = {}
    for one in sorted(groups):
        members.setdefault(groups[one], []).append(one)
    if len(members) < len(shares):
        raise DataError(
            f"{len(shares)} parts ({', '.join(shares)}) need at least as many groups of images that belong together, "
            f"and the {len(groups)} images are {len(members)} groups; add images, lower data.folds, leave "
            "data.test_fraction out, or correct groups: in dataset.yaml"
        )
    names = sorted(members)
    order = [names[place] for place in np.random.default_rng(seed).permutation(len(names))]
    order.sort(key=lambda group: -len(members[group]))
    counts = {group: Counter([ALL] * len(ids) + [kinds[one] for one in ids]) for group, ids in members.items()}
    wanted, placed = sum(counts.values(), Counter()), {part: Counter() for part in shares}
    part_of: dict[str, str] = {}
    for group in order:
        rises = {part: _rise(counts[group], placed[part], wanted, share) for part, share in shares.items()}
        part_of[group] = min(rises, key=rises.get)
        placed[part_of[group]] += counts[group]
    _fill_empty(part_of, order, shares)
    return {one: part_of[group] for one, group in groups.items()}


def _rise(added: Counter, placed: Counter, wanted: Counter, share: float) -> float:
    """How much the sum over kinds of (placed − expected)² / expected of a part rises with `added` images."""
    lacking = lambda kind: share * wanted[kind] - placed[kind]
    return sum((n * n - 2 * n * lacking(kind)) / (share * wanted[kind]) for kind, n in added.items())


def _fill_empty(part_of: dict[str, str], order: list[str], shares: Mapping[str, float]) -> None:
    """Gives each part without a group the smallest group of a part that has several."""
    for part in shares:
        if part not in part_of.values():
            several = Counter(part_of.values())
            part_of[next(group for group in reversed(order) if several[part_of[group]] > 1)] = part
