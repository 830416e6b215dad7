"""Scores runs on their validation images at other magnifications, as from other microscopes.

    python -m benchmarks.scores.scales outputs/fold_0 outputs/fold_1 … [--scales 0.5 1 2]

Image and label map are resized, and the scores are those of the resized image, pooled over all images of the runs. An
object that is smaller than 10 pixels after resizing is left out of the truth.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from assemble.unseen import unseen_images
from benchmarks.markdown import markdown_table
from benchmarks.scores.screens import ALL, look_of, tensor
from images.resize import resize_image, resize_labels
from inference.cells.decoding import decode
from metrics import InstanceCounts, SegmentationCounts

SMALLEST = 10  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders of different folds of one data folder")
    scales_help = "sides of the resized image / sides of the image (default: %(default)s)"
    parser.add_argument("--scales", type=float, nargs="+", default=[0.5, 0.71, 1.0, 1.41, 2.0], help=scales_help)
    given = parser.parse_args()
    print(table_of(given.runs, given.scales))


def table_of(runs: list[Path], scales: list[float]) -> str:
    """Returns the scores at each scale, of all images and of each look, in Markdown."""
    pixels, objects = defaultdict(SegmentationCounts), defaultdict(InstanceCounts)
    for unseen in unseen_images(runs):
        look = look_of(unseen.image)
        for scale in scales:
            size = tuple(max(1, round(side * scale)) for side in unseen.labels.shape)
            maps = unseen.predictor.maps(resize_image(unseen.stored, size))
            truth = without_small(resize_labels(unseen.labels.astype(np.int32), size))
            found = decode(maps, unseen.how).labels
            for key in ((ALL, scale), (look, scale)):
                pixels[key].update(tensor(maps[0] > 0.5), tensor(truth > 0).float())
                objects[key].update(truth, found)
    lines = []
    for look, scale in sorted(objects):
        scores = objects[look, scale].compute()
        figures = [pixels[look, scale].compute().iou, *(scores[name] for name in ("ap_50", "ap_70", "ap_90"))]
        facts = [look, f"{scale:g}", str(len(objects[look, scale].images))]
        lines.append([*facts, *(f"{one:.3f}" for one in figures), f"{scores['count_bias']:+.1%}"])
    return markdown_table(["look", "scale", "images", "IoU", "AP .5", "AP .7", "AP .9", "count error"], lines)


def without_small(labels: np.ndarray) -> np.ndarray:
    """Removes objects of less than `SMALLEST` pixels from a label map."""
    areas = np.bincount(labels.ravel())
    return np.where(areas[labels] >= SMALLEST, labels, 0)


if __name__ == "__main__":
    main()
