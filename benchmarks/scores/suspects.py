"""Damages some labels on purpose and counts how many of them `datasets.suspects` ranks first.

    python -m benchmarks.scores.suspects outputs/fold_0 outputs/fold_1 … [--share 0.05] [--seed 0]

The labels of the validation images are damaged in memory, in equal parts: a cell is removed ("missing"), one is copied
to the background ("extra"), two that touch become one ("merged"), one is cut in two ("split"), or moved by 0.4 of its
diameter ("shifted"). The models were trained with the whole labels of other images. Among the first k suspects, those
that are not damaged may also be errors that the data set had before.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from skimage.measure import regionprops

from assemble.unseen import unseen_images
from metrics import KINDS, Doubt, label_doubts

Box = tuple[int, int, int, int]
SHIFT = 0.4  # of the diameter of a circle with the area of the cell
SMALLEST = 30  # pixels; smaller cells are left alone
SHARES = (0.25, 0.5, 1.0)  # of the number of damaged labels: places k where the precision is taken


@dataclass(frozen=True)
class Damage:
    """What was done to a label map: the kind of doubt that should follow, and about which ids or where."""

    kind: str
    ids: tuple[int, ...]
    box: Box

    def explains(self, doubt: Doubt) -> bool:
        """Whether a doubt is about this damage, under whatever name."""
        return bool(set(self.ids) & set(doubt.labels)) or (not self.ids and _box_iou(self.box, doubt.box) > 0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders of different folds of one data folder")
    parser.add_argument("--share", type=float, default=0.05, help="of the cells (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="(default: %(default)s)")
    given = parser.parse_args()
    print(measured(given.runs, share=given.share, seed=given.seed))


def measured(runs: Sequence[Path], *, share: float, seed: int) -> str:
    """Returns the tables in Markdown."""
    rng, ranked, damages, cells = np.random.default_rng(seed), [], Counter(), 0
    for unseen in unseen_images(runs):
        labels = unseen.labels.astype(np.int32)
        cells += len(np.unique(labels)) - 1
        found = damage(labels, share, rng)
        damages.update(one.kind for one in found)
        for doubt in label_doubts(labels, unseen.prediction, foreground=unseen.maps[0], depth=unseen.depth):
            cause = next((one for one in found if one.explains(doubt)), None)
            ranked.append((doubt.score, cause and (unseen.id, cause)))
    ranked.sort(key=lambda one: -one[0])
    total = damages.total()
    lines = [f"{total} of {cells} labels damaged, {len(ranked)} objects judged.", ""]
    lines += ["| k | damaged among the first k | precision at k |", "|---|---|---|"]
    for part in SHARES:
        k = round(part * total)
        hits = sum(cause is not None for _, cause in ranked[:k])
        lines.append(f"| {k} | {hits} | {hits / k:.2f} |")
    first = {cause for _, cause in ranked[:total] if cause}
    lines += ["", f"| damage | labels | found among the first {total} |", "|---|---|---|"]
    for kind in KINDS:
        caught = sum(cause.kind == kind for _, cause in first)
        lines.append(f"| {kind} | {damages[kind]} | {caught} ({caught / max(1, damages[kind]):.0%}) |")
    return "\n".join(lines)


def damage(labels: np.ndarray, share: float, rng: np.random.Generator) -> list[Damage]:
    """Damages a share of the objects of a label map [H, W] int32 in place, and returns what was done."""
    objects = [one for one in regionprops(labels) if one.area >= SMALLEST]
    count = math.floor(share * len(objects) + rng.random())
    kinds, touched, done = list(KINDS), set(), []
    for one in rng.permutation(np.array(objects, object))[: 4 * count]:
        if len(done) == count:
            break
        if one.label in touched:
            continue
        found = CHANGES[kinds[rng.integers(len(kinds))]](labels, one, rng)
        if found is not None:
            touched |= {one.label, *found.ids}
            done.append(found)
    return done


def _removed(labels: np.ndarray, one: object, rng: np.random.Generator) -> Damage:
    labels[labels == one.label] = 0
    return Damage("missing", (), one.bbox)


def _copied(labels: np.ndarray, one: object, rng: np.random.Generator) -> Damage | None:
    """Copies an object to a place where there is none; None if no place of 50 is free."""
    height, width = one.image.shape
    for _ in range(50):
        top, left = (
            int(rng.integers(0, side - own + 1)) for side, own in zip(labels.shape, one.image.shape, strict=True)
        )
        here = labels[top : top + height, left : left + width]
        if not here[one.image].any():
            new = int(labels.max()) + 1
            here[one.image] = new
            return Damage("extra", (new,), (top, left, top + height, left + width))
    return None


def _joined(labels: np.ndarray, one: object, rng: np.random.Generator) -> Damage | None:
    """Joins an object with one that it touches; None if there is none."""
    around = cv2.dilate((labels == one.label).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    others = np.setdiff1d(labels[around], [0, one.label])
    if len(others) == 0:
        return None
    labels[labels == rng.choice(others)] = one.label
    return Damage("merged", (one.label,), one.bbox)


def _cut(labels: np.ndarray, one: object, rng: np.random.Generator) -> Damage:
    """Cuts an object through its middle, across its long axis."""
    rows, columns = one.coords.T
    middle, angle = one.centroid, one.orientation
    far = (rows - middle[0]) * math.cos(angle) + (columns - middle[1]) * math.sin(angle) > 0
    new = int(labels.max()) + 1
    labels[rows[far], columns[far]] = new
    return Damage("split", (one.label, new), one.bbox)


def _moved(labels: np.ndarray, one: object, rng: np.random.Generator) -> Damage:
    """Moves an object in a random direction. It covers no other object."""
    way, angle = SHIFT * one.equivalent_diameter_area, rng.random() * 2 * math.pi
    rows, columns = one.coords.T
    labels[rows, columns] = 0
    rows, columns = rows + round(way * math.sin(angle)), columns + round(way * math.cos(angle))
    inside = (rows >= 0) & (columns >= 0) & (rows < labels.shape[0]) & (columns < labels.shape[1])
    rows, columns = rows[inside], columns[inside]
    free = labels[rows, columns] == 0
    labels[rows[free], columns[free]] = one.label
    return Damage("shifted", (one.label,), one.bbox)


CHANGES = {"missing": _removed, "extra": _copied, "merged": _joined, "split": _cut, "shifted": _moved}


def _box_iou(one: Box, other: Box) -> float:
    sides = [min(one[axis + 2], other[axis + 2]) - max(one[axis], other[axis]) for axis in (0, 1)]
    shared = max(0, sides[0]) * max(0, sides[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


if __name__ == "__main__":
    main()
