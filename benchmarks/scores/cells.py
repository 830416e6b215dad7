"""Compares ways to find cells: runs of one split, each decoded by every method of its task, on the same images.

    python -m benchmarks.scores.cells outputs/a outputs/b … [--tune] [--tta] [--device cuda]

Each row has the pooled scores of the validation part of a run, with a bootstrap interval over the images
(2.5 % to 97.5 % of 2,000 draws) for AP at .5. The last column is the difference of AP at .5 to the watershed on the
masks of the same run, with its interval. With --tune each half of the images is decoded with parameters that were tuned
on the other half; otherwise all methods have their defaults.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from assemble import data_folder
from benchmarks.table.bootstrap import group_draws, interval
from datasets.split import read_split, select
from images.reading import decode_labels, read_bytes, read_image
from inference.cells.decoding import Decoding, decode, decoding_by
from inference.cells.tuning import tuned
from metrics import InstanceCounts
from metrics.instances import ImageCounts
from saved_run import SavedRun, open_run
from tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = "watershed"
SCORES = {
    "ap_50": "AP .5",
    "ap_70": "AP .7",
    "ap_90": "AP .9",
    "ap": "AP .5–.95",
    "f1_50": "F1",
    "pq": "PQ",
    "aji": "AJI",
}

Maps = list[tuple[np.ndarray, np.ndarray]]  # of each image: maps [C, H, W] float32, label map [H, W]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--tune", action="store_true", help="tune each half of the images on the other half")
    parser.add_argument("--tta", action="store_true", help="average over the symmetries")
    parser.add_argument("--device", help="default: that of the training")
    given = parser.parse_args()
    head = ["run", "decoded by", *SCORES.values(), "AP .5, interval", "count error", "against the watershed", "ms/Mpx"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    for path in given.runs:
        run = open_run(path, tta=given.tta, device=given.device)
        images, counts = maps_of(run), {}
        methods = TASKS[run.config.task].methods
        for method in sorted(methods, key=lambda name: name != REFERENCE):
            counts[method], seconds = score(images, decoding_by(method), tune=given.tune)
            pixels = sum(truth.size for _, truth in images)
            print(row_of(path.name, method, counts, seconds / pixels), flush=True)


def maps_of(run: SavedRun) -> Maps:
    """Predicts the validation part of a run."""
    folder = data_folder(run.config, ROOT)
    split = read_split(run.folder.path / "split.csv", [sample.id for sample in folder.samples])
    return [
        (
            run.predictor.maps(read_image(sample.image)),
            decode_labels(read_bytes(sample.labels), str(sample.labels)),
        )
        for sample in select(folder.samples, split, "val")
    ]


def score(images: Maps, how: Decoding, *, tune: bool) -> tuple[InstanceCounts, float]:
    """Decodes all images; returns their counts, and the seconds that this took."""
    counts, seconds = InstanceCounts(), 0.0
    halves = images[::2], images[1::2]
    hows = [tuned(half, how)[0] for half in reversed(halves)] if tune else [how, how]
    for half, chosen in zip(halves, hows, strict=True):
        for maps, truth in half:
            started = time.perf_counter()
            objects = decode(maps, chosen)
            seconds += time.perf_counter() - started
            counts.update(truth, objects.labels)
    return counts, seconds


def row_of(run: str, method: str, counts: dict[str, InstanceCounts], seconds_per_pixel: float) -> str:
    """Returns a line of the table; the images of all counts have the same order."""
    scores = counts[method].compute()
    own, reference = (ap_of_draws(counts[name].images) for name in (method, REFERENCE))
    shown = lambda values: "{:.3f} to {:.3f}".format(*interval(values))
    against = ""
    if method != REFERENCE:
        gain = scores["ap_50"] - counts[REFERENCE].compute()["ap_50"]
        against = f"{gain:+.3f} ({shown(own - reference)})"
    figures = [f"{scores[name]:.3f}" for name in SCORES]
    error = f"{scores['count_bias']:+.1%}"
    cells = [run, method, *figures, shown(own), error, against, f"{seconds_per_pixel * 1e9:.0f}"]
    return "| " + " | ".join(cells) + " |"


def ap_of_draws(images: Sequence[ImageCounts]) -> np.ndarray:
    """Returns AP at .5 of sets of images that are drawn with replacement; the same draws for the same images."""
    hits = np.array([image.hits[0] for image in images])
    objects = np.array([image.true + image.predicted for image in images])
    draws = group_draws(len(images))
    hits, objects = draws @ hits, draws @ objects
    return hits / np.maximum(objects - hits, 1)


if __name__ == "__main__":
    main()
