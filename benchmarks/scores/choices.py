"""Does another way to predict pay? Compares each with the default, on the validation images of some folds.

    python -m benchmarks.scores.choices outputs/fold_0 outputs/fold_1 …

- symmetries: `--tta`.
- tuned: decoding is tuned as by `val.py --tune`, on what the other runs predict for their own validation images.
- two passes: the first finds the median diameter of the cells of an image. For the second the image is resized, between
  half and double its size, so that this diameter becomes that of the training images, the median of their medians.

Each difference is paired by image; its interval is a bootstrap over groups of images that belong together.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from assemble import own_data
from assemble.unseen import Unseen, unseen_images
from benchmarks.markdown import markdown_table
from benchmarks.scores.compare import ROOT, compared
from benchmarks.scores.screens import ALL, look_of, tensor
from benchmarks.table.bootstrap import numbered
from benchmarks.table.columns import COLUMNS
from benchmarks.table.scoring import grouping_of
from images.resize import resize_image, resize_labels
from inference.cells.decoding import decode
from inference.cells.tuning import tuned
from inference.files.image_counts import ScoredImages
from metrics import InstanceCounts, SegmentationCounts
from saved_run import open_run

USUAL, SYMMETRIES, TUNED, TWO_PASSES = "default", "symmetries", "tuned", "two passes"
SCORES = ("iou", "iou_per_image", "ap_50", "ap_70", "ap_90", "pq", "count_error")
NARROWEST, WIDEST = 0.5, 2.0  # sides of a resized image / sides of the image


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="two run folders or more, different folds of a data folder")
    runs = parser.parse_args().runs
    if len(runs) < 2:
        parser.error("give at least two runs, because each is tuned on the images of the others")
    looks, scored = scores_of(runs)
    grouping = grouping_of(runs[0], ROOT)
    rows = []
    for look in (ALL, *sorted(set(looks.values()))):
        ids = [one for one in looks if look in (ALL, looks[one])]
        groups = numbered([grouping.groups[one] for one in ids])
        for choice in (SYMMETRIES, TUNED, TWO_PASSES):
            for score in SCORES:
                sides = [scored[USUAL]], [scored[choice]]
                row = compared(COLUMNS[score], sides, ids, groups)
                rows.append([f"{look} ({len(ids)})", choice, COLUMNS[score].title, *row])
    print(markdown_table(["images", "choice", "score", "default", "choice's", "difference", "95 %", "p"], rows))


def scores_of(runs: list[Path]) -> tuple[dict[str, str], dict[str, ScoredImages]]:
    """Predicts the validation images of all runs in each way: image → its look, and way → the counts of all images."""
    looks, counts, maps = {}, defaultdict(Counts), {run: [] for run in runs}
    usual = {run: usual_diameter(run) for run in runs}
    for unseen in unseen_images(runs):
        looks[unseen.id] = look_of(unseen.image)
        maps[unseen.run].append((unseen.id, unseen.maps.astype(np.float16), unseen.labels))
        counts[USUAL].add(unseen.id, unseen.labels, unseen.maps[0] > 0.5, unseen.prediction)
        counts[TWO_PASSES].add(unseen.id, unseen.labels, *second_pass(unseen, usual[unseen.run]))
        how = unseen.how
    for unseen in unseen_images(runs, tta=True):
        counts[SYMMETRIES].add(unseen.id, unseen.labels, unseen.maps[0] > 0.5, unseen.prediction)
    for run in runs:
        others = [image for other in runs if other != run for image in maps[other]]
        chosen, _, _ = tuned([(one.astype(np.float32), truth) for _, one, truth in others], how)
        print(f"{run}: {chosen}", file=sys.stderr)
        for id, one, truth in maps[run]:
            found = decode(one.astype(np.float32), chosen).labels
            counts[TUNED].add(id, truth, one[0] > chosen.foreground_threshold, found)
    return looks, {way: one.scored() for way, one in counts.items()}


class Counts:
    """Collects the counts of images."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.pixels, self.objects = SegmentationCounts(), InstanceCounts()

    def add(self, id: str, truth: np.ndarray, mask: np.ndarray, found: np.ndarray) -> None:
        """Adds an image: label map, predicted mask and predicted label map, each [H, W]."""
        self.ids.append(id)
        self.pixels.update(tensor(mask), tensor(truth > 0).float())
        self.objects.update(truth, found)

    def scored(self) -> ScoredImages:
        return ScoredImages(tuple(self.ids), self.pixels.per_image().numpy(), tuple(self.objects.images))


def second_pass(unseen: Unseen, usual: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns mask and label map [H, W], predicted when the image is resized to cells of a usual diameter in pixels."""
    found = median_diameter(unseen.prediction)
    scale = 1.0 if found is None else float(np.clip(usual / found, NARROWEST, WIDEST))
    size = unseen.labels.shape
    maps = unseen.predictor.maps(resize_image(unseen.stored, tuple(max(1, round(side * scale)) for side in size)))
    return resize_image(maps[0], size) > 0.5, resize_labels(decode(maps, unseen.how).labels, size)


def usual_diameter(run: Path) -> float:
    """Returns the median of the median diameters of the training images of a run, in pixels."""
    return float(np.median([found for labels in training_labels(run) if (found := median_diameter(labels))]))


def training_labels(run: Path) -> Iterator[np.ndarray]:
    """Yields the label map [H, W] of each training image of a run."""
    with contextlib.redirect_stdout(sys.stderr):
        samples, _, _ = own_data(open_run(run), "train", ROOT)
    for number in range(len(samples.samples)):
        yield samples.labels(number, at_file_size=True)


def median_diameter(labels: np.ndarray) -> float | None:
    """Returns the median diameter of discs with the areas of the cells of a label map; None if there is none."""
    areas = np.bincount(labels.ravel())[1:]
    return float(np.median(np.sqrt(areas[areas > 0] * 4 / np.pi))) if areas.any() else None


if __name__ == "__main__":
    main()
