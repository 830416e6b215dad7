"""Writes a split that keeps tiles of one field together: a file for `data.split_file`.

    python -m benchmarks.field_split inputs/dsb2018 --out inputs/dsb2018_fields.csv [--val 0.2] [--seed 41]

Two images of one size belong together if an edge of one continues the facing edge of the other: the two lines of pixels
correlate by more than 0.9, and each is the best partner of the other. The validation part gets whole groups, and a
share of each kind of image, where a kind is a size and whether there is colour.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.folder.listing import list_files
from images.choosing import has_colour
from images.reading import read_image
from system.files import write_text

CORRELATION, CONTRAST = 0.9, 2.0  # of edges; the standard deviation along an edge, as a share of 1/255 of the range


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="data folder")
    parser.add_argument("--out", type=Path, required=True, help="CSV file with the columns id,split")
    parser.add_argument("--val", type=float, default=0.2, help="share of the images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=41, help="default: %(default)s")
    given = parser.parse_args()
    images = {name: read_image(given.folder / path) for name, path in list_files(given.folder).images.items()}
    names = list(images)
    kinds = [(*image.shape[:2], has_colour(image)) for image in images.values()]
    groups = groups_of(kinds, [image.mean(axis=2) for image in images.values()])
    val = validation_part(kinds, groups, share=given.val, seed=given.seed)
    rows = [f"{name},{'val' if number in val else 'train'}" for number, name in enumerate(names)]
    write_text(given.out, "\n".join(["id,split", *rows, ""]))
    sizes = np.unique(groups, return_counts=True)[1]
    print(
        f"{sizes[sizes > 1].sum()} of {len(names)} images have a neighbour; the largest field has {sizes.max()} tiles"
    )
    print(f"{len(val)} images for validation, {len(names) - len(val)} for training: {given.out}")


def groups_of(kinds: list[tuple], planes: list[np.ndarray]) -> np.ndarray:
    """Returns the number of the group of each image; `planes` are grey images [H, W]."""
    parent = list(range(len(planes)))

    def root(number: int) -> int:
        while parent[number] != number:
            number = parent[number]
        return number

    for kind in set(kinds):
        members = [number for number, other in enumerate(kinds) if other == kind]
        for a, b in neighbours(np.stack([planes[number] for number in members])):
            parent[root(members[a])] = root(members[b])
    return np.array([root(number) for number in range(len(planes))])


def neighbours(images: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yields the pairs of images of which one continues the other; `images` is [N, H, W]."""
    for last, first in ((images[:, :, -1], images[:, :, 0]), (images[:, -1], images[:, 0])):
        scores = _normalised(last) @ _normalised(first).T
        np.fill_diagonal(scores, 0)
        best = scores.argmax(1)
        for a, b in enumerate(best.tolist()):
            if scores[a, b] > CORRELATION and scores[:, b].argmax() == a:
                yield a, b


def _normalised(lines: np.ndarray) -> np.ndarray:
    """[N, L] → the same with mean 0 and norm 1; lines without contrast become 0."""
    lines = lines - lines.mean(1, keepdims=True)
    deviation = lines.std(1, keepdims=True)
    return np.where(deviation > CONTRAST, lines / np.maximum(deviation, 1e-9), 0) / np.sqrt(lines.shape[1])


def validation_part(kinds: list[tuple], groups: np.ndarray, *, share: float, seed: int) -> set[int]:
    """Returns the numbers of the images of the validation part."""
    chosen: set[int] = set()
    random = np.random.default_rng(seed)
    for kind in sorted(set(kinds)):
        members = np.array([number for number, other in enumerate(kinds) if other == kind])
        wanted, taken = round(share * len(members)), 0
        for group in random.permutation(np.unique(groups[members])):
            tiles = members[groups[members] == group]
            if taken + len(tiles) <= wanted:
                chosen |= set(tiles.tolist())
                taken += len(tiles)
    return chosen


if __name__ == "__main__":
    main()
