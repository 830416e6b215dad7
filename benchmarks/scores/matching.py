"""Compares the scores of objects with those of stardist, in their figures and their time.

    python -m benchmarks.scores.matching [inputs/dsb2018] [--images 100]

The first table has the matches of the label maps of a data folder with themselves, moved by two pixels. The second has
the time of one pair of 1024×1024 pixels with 1,472 drawn nuclei, at all ten thresholds. Without stardist (`pip install
stardist`) both have our figures alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import Timing, take_turns
from datasets.prepare.drawing import make_sample
from images.reading import decode_labels, read_bytes
from metrics import match_labels
from metrics.aggregated_jaccard import aji_plus_terms
from metrics.instances import THRESHOLDS, count_image

SEED, INDEX, SIDE = 0, 5, 1024  # the drawn map


def moved(labels: np.ndarray) -> np.ndarray:
    """Returns the label map, moved down and right by two pixels: [H, W] int32."""
    return np.pad(labels, ((2, 0), (2, 0)))[:-2, :-2].astype(np.int32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="data folder with labels/")
    parser.add_argument("--images", type=int, default=100, help="how many, evenly spread (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=31, help="turns of each (default: %(default)s)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    matching = None
    if find_spec("stardist"):
        from stardist import matching
    if arguments.folder:
        files = sorted((arguments.folder / "labels").iterdir())
        chosen = np.linspace(0, len(files) - 1, min(arguments.images, len(files))).astype(int)
        print(agreement([decode_labels(read_bytes(files[k]), str(files[k])) for k in chosen], matching), end="\n\n")
    print(times(matching, rounds=arguments.rounds))


def agreement(maps: list[np.ndarray], stardist: object) -> str:
    """Returns the table of matches. Where the two agree, stardist has ours and the pairs with IoU = t.

    Args:
        maps: label maps [H, W] of any integer dtype.
        stardist: the module `stardist.matching`, or None.
    """
    pairs = [(labels, moved(labels)) for labels in maps]
    overlaps = [match_labels(*pair) for pair in pairs]
    hits = [sum(overlap.at(t)[0] for overlap in overlaps) for t in THRESHOLDS]
    equal = [sum(int(np.count_nonzero(overlap.iou == t)) for overlap in overlaps) for t in THRESHOLDS]
    theirs = [None] * len(THRESHOLDS)
    if stardist:
        sets = zip(*pairs, strict=True)
        theirs = [one.tp for one in stardist.matching_dataset(*sets, thresh=THRESHOLDS, show_progress=False)]
    lines = [
        f"{len(maps)} label maps, {sum(len(overlap.true_ids) for overlap in overlaps):,} objects, moved by two pixels\n"
    ]
    lines += ["| t | ours, IoU > t | pairs with IoU = t | stardist, IoU ≥ t |", "|---|---|---|---|"]
    for t, ours, same, other in zip(THRESHOLDS, hits, equal, theirs, strict=True):
        lines.append(f"| {t:.2f} | {ours} | {same} | {'not installed' if other is None else other} |")
    return "\n".join(lines)


def times(stardist: object, *, rounds: int) -> str:
    """Returns the table of times of the drawn pair; `stardist` is the module or None."""
    truth = make_sample(SEED, INDEX, size=SIDE).labels
    found = moved(truth)
    overlap = match_labels(truth, found)
    works: dict[str, Callable[[], object]] = {
        "match_labels": lambda: match_labels(truth, found),
        "count_image": lambda: count_image(overlap),
        "AJI+ alone, a part of count_image": lambda: aji_plus_terms(overlap),
        "both: all scores of an image": lambda: count_image(match_labels(truth, found)),
    }
    if stardist:
        works["stardist.matching"] = lambda: stardist.matching(truth, found, thresh=THRESHOLDS)
    timing: Timing = take_turns(works, rounds=rounds, seconds=60)
    others = "unknown" if timing.others is None else f"{timing.others:.0%}"
    head = f"{SIDE}×{SIDE}, {truth.max():,} nuclei, ten thresholds; other processes took {others} of the cores\n"
    rows = [f"| {name} | {1000 * timing.median(name):.1f} |" for name in works]
    return "\n".join([head, "| work | ms, median |", "|---|---|", *rows])


if __name__ == "__main__":
    main()
