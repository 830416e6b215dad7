"""Which images of a data folder belong together, and whether a split would divide them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from datasets.folder.description import NAME
from datasets.folder.given_groups import given_groups
from datasets.folder.listing import Listing
from datasets.folder.problems import Problem
from datasets.grouping.groups import Grouping, group_images
from datasets.grouping.views import View
from datasets.split import SplitRule, random_split
from system.errors import DataError, FileError

DEFAULT = SplitRule()  # the split that a configuration has by default
DOUBTFUL = 0.1  # if a larger share of the neighbours is found by chance, neighbours mean little


def find_relations(listing: Listing, views: Mapping[str, View | None]) -> tuple[dict[str, Any] | None, list[Problem]]:
    """Finds out which images belong together.

    Args:
        views: id → the view of the image; None for an image that cannot be used.

    Returns:
        Facts: kinds {kind: images}; groups, how many; given, whether dataset.yaml gives them; largest, the images of
        the largest; with_neighbour, the images that continue another one; with_neighbour_by_chance, the control;
        near_duplicates, images; random_split_leaks, the validation images of the default split with a relative in
        training. None without images. And problems.
    """
    if not views:
        return None, []
    given, problems = None, []
    try:
        given = given_groups(listing.root, listing.description.groups, list(views))
    except FileError as error:
        problems.append(Problem("groups", (NAME,), error.found, error.fix))
    grouping = group_images(views, given)
    leaks, leaking = _leaks(listing, grouping)
    sizes = Counter(grouping.groups.values())
    facts = {
        "kinds": dict(sorted(Counter(grouping.kinds.values()).items())),
        "groups": len(sizes),
        "given": grouping.given,
        "largest": max(sizes.values()),
        "with_neighbour": len(grouping.related),
        "with_neighbour_by_chance": grouping.by_chance,
        "near_duplicates": len({one for pair in grouping.duplicates for one in pair}),
        "random_split_leaks": leaking,
    }
    return facts, [*problems, *_divided(grouping), *_doubtful(grouping), *leaks]


def _divided(grouping: Grouping) -> list[Problem]:
    """A warning if given groups divide images that show the same; groups that are found never do."""
    pairs = [pair for pair in grouping.pairs if len({grouping.groups[one] for one in pair}) > 1]
    if not pairs:
        return []
    found = f"{len(pairs)} pairs of neighbours or near duplicates are in different groups: {' and '.join(pairs[0])}, …"
    return [Problem("groups", (NAME,), found, "put each pair into one group, unless they only look alike")]


def _doubtful(grouping: Grouping) -> list[Problem]:
    related = len(grouping.related)
    if grouping.by_chance <= DOUBTFUL * related:
        return []
    found = f"{related} images seem to continue another one, but {grouping.by_chance} do so where edges do not face"
    return [Problem("groups", ("images",), found, "give the groups in dataset.yaml, with the key groups")]


def _leaks(listing: Listing, grouping: Grouping) -> tuple[list[Problem], int]:
    """A warning if the default split validates on what is trained with, and the number of such images."""
    try:
        split = random_split(list(grouping.groups), val_fraction=DEFAULT.val_fraction, seed=DEFAULT.seed)
    except DataError:  # there is a single image
        return [], 0
    leaking = grouping.across(split, "val", "train")
    if not leaking:
        return [], 0
    validating = sum(part == "val" for part in split.values())
    drawn = f"val_fraction {DEFAULT.val_fraction}, split_seed {DEFAULT.seed}"
    found = (
        f"a random split ({drawn}) leaks: {len(leaking)} of its {validating} validation images have a neighbour or a "
        f"near duplicate in training: {_example(listing, grouping, split, leaking[0])}"
    )
    found += f", and {len(leaking) - 1} more" if len(leaking) > 1 else ""
    return [Problem("leak", ("images",), found, "set data.split=grouped, which keeps them together")], len(leaking)


def _example(listing: Listing, grouping: Grouping, split: Mapping[str, str], image: str) -> str:
    """Returns in words which image of the training part an image continues (a tile of the same field) or repeats."""
    for pairs, verb, why in (
        (grouping.tiles, "continues", "tiles of one field"),
        (grouping.duplicates, "repeats", "nearly the same pixels"),
    ):
        for pair in pairs:
            for one, other in (pair, pair[::-1]):
                if one == image and split[other] == "train":
                    return f"{listing.images[one]} {verb} {listing.images[other]} ({why})"
    raise AssertionError(f"{image} has no relative in training")
