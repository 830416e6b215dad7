"""Scores runs at one size, as the classic protocol at 96×96 does, whatever size they were trained at.

    python -m benchmarks.scores.at_size outputs/a outputs/b … [--size 96] [--tta]

The probabilities of each validation image, which have the size of its file, are resized by pixel area, and cut at 0.5.
The truth is resized as for a training with data.size. A run that was trained at this size is scored a little lower than
in its log.csv, because its probabilities are enlarged first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from assemble.unseen import unseen_images
from benchmarks.markdown import markdown_table
from benchmarks.scores.screens import tensor
from images.resize import resize_image, resize_mask
from metrics import SegmentationCounts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders of a data folder with label maps")
    parser.add_argument("--size", type=int, default=96, help="side in pixels (default: %(default)s)")
    parser.add_argument("--tta", action="store_true", help="average over the symmetries")
    given = parser.parse_args()
    of = {path.name: scores_at(path, given.size, tta=given.tta) for path in given.runs}
    rows = [[name, *(f"{score:.4f}" for score in scores)] for name, scores in of.items()]
    print(markdown_table(["run", f"IoU at {given.size}×{given.size}", "Dice", "IoU per image"], rows))


def scores_at(run: Path, side: int, *, tta: bool = False) -> tuple[float, float, float]:
    """Returns IoU and Dice of the pixels of all validation images, and the mean IoU over images, at [side, side]."""
    counts, size = SegmentationCounts(), (side, side)
    for unseen in unseen_images([run], tta=tta):
        found = resize_image(unseen.maps[0], size) > 0.5
        truth = resize_mask((unseen.labels > 0).astype(np.uint8), size)
        counts.update(tensor(found), tensor(truth).float())
    scores = counts.compute()
    return scores.iou, scores.dice, scores.iou_per_image


if __name__ == "__main__":
    main()
