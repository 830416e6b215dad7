"""Scores runs of one split by the look of the images, to see what helps with which images.

    python -m benchmarks.scores.screens outputs/a outputs/b … [--tta] [--engine openvino-int8]

Each row has the pooled scores of the validation images with one look at their own size, decoded by the first method of
the task. A look says whether the background is dark (fluorescence) or bright, and whether there is colour (stains).
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from assemble.unseen import unseen_images
from datasets.grouping.views import kind_of
from inference.options import ENGINES
from metrics import InstanceCounts, SegmentationCounts

ALL = "all"
SCORES = {"ap_50": "AP .5", "ap_70": "AP .7", "ap_90": "AP .9", "f1_50": "F1", "pq": "PQ"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--tta", action="store_true", help="average over the symmetries")
    parser.add_argument("--engine", choices=ENGINES, default="torch", help="what predicts, see predict.py")
    given = parser.parse_args()
    head = ["run", "epoch", "look", "images", "IoU", *SCORES.values(), "count error"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for path in given.runs:
        for row in rows_of(path, tta=given.tta, engine=given.engine):
            print("| " + " | ".join(row) + " |", flush=True)


def rows_of(path: Path, *, tta: bool, engine: str = "torch") -> list[list[str]]:
    """Scores a run; returns a row for all images, and one for each look."""
    pixels, objects, epoch = defaultdict(SegmentationCounts), defaultdict(InstanceCounts), 0
    for unseen in unseen_images([path], tta=tta, engine=engine):
        epoch = unseen.predictor.epoch
        foreground, truth = tensor(unseen.maps[0] > 0.5), tensor(unseen.labels > 0).float()
        for look in (ALL, look_of(unseen.image)):
            pixels[look].update(foreground, truth)
            objects[look].update(unseen.labels, unseen.prediction)
    return [row_of(path.name, epoch, look, pixels[look], objects[look]) for look in sorted(pixels)]


def tensor(plane: np.ndarray) -> torch.Tensor:
    """[H, W] → [1, 1, H, W]."""
    return torch.from_numpy(plane)[None, None]


def look_of(image: np.ndarray) -> str:
    """Returns the kind of an image without its size, such as "grey on dark"."""
    return kind_of(image).rsplit(", ", 1)[0]


def row_of(run: str, epoch: int, look: str, pixels: SegmentationCounts, objects: InstanceCounts) -> list[str]:
    """Returns the cells of a row of the table."""
    scores = objects.compute()
    figures = [f"{figure:.3f}" for figure in (pixels.compute().iou, *(scores[name] for name in SCORES))]
    return [run, str(epoch), look, str(len(objects.images)), *figures, f"{scores['count_bias']:+.1%}"]


if __name__ == "__main__":
    main()
