"""Chooses the parameters of decoding by the scores of cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from torch import Tensor

from images.resize import resize_logits
from inference.cells.decoding import METHODS, Decoding, decode
from metrics import match_labels
from metrics.instances import THRESHOLDS
from system.progress_bar import progress_bar
from tasks.task import Task

# The two thresholds are tried together, then the two sizes.
FOREGROUND = (0.3, 0.4, 0.5, 0.6, 0.7)
SEEDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
MIN_SEED, MIN_AREA = (1, 3, 6, 12), (5, 10, 20, 40)


Images = Iterable[tuple[np.ndarray, np.ndarray]]  # of each image: maps [C, H, W] float32, label map [H, W]; read often


class StoredMaps:
    """Keeps the maps of images in files, as float16 at the images' own size, with their label maps.

    Args:
        folder: an empty folder for the files.
        task: turns logits into maps.
        truth: the number of an image → its label map [H, W].
    """

    def __init__(self, folder: Path, task: Task, truth: Callable[[int], np.ndarray]) -> None:
        self.folder, self.task, self.truth, self.count = folder, task, truth, 0

    def add(self, logits: Tensor) -> None:
        """Adds the next N images; `logits` is [N, C, h, w] float32."""
        for one in logits:
            truth = self.truth(self.count)
            maps = self.task.maps(resize_logits(one, truth.shape)[None])[0].numpy()
            np.savez(self.folder / f"{self.count}.npz", maps=maps.astype(np.float16), truth=truth)
            self.count += 1

    def __iter__(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the maps [C, H, W] float32 and the label map of each image."""
        for number in range(self.count):
            with np.load(self.folder / f"{number}.npz") as stored:
                yield stored["maps"].astype(np.float32), stored["truth"]


def mean_ap(images: Images, how: Decoding) -> float:
    """Returns the mean of AP over the thresholds .50 … .95, where each AP is pooled over the images."""
    hits, objects = np.zeros(len(THRESHOLDS), np.int64), 0
    for maps, truth in images:
        overlap = match_labels(truth, decode(maps, how).labels)
        hits += [np.count_nonzero(overlap.iou > threshold) for threshold in THRESHOLDS]
        objects += len(overlap.true_ids) + len(overlap.ids)
    return float(np.mean(hits / np.maximum(objects - hits, 1)))


def tuned(images: Images, start: Decoding) -> tuple[Decoding, float, float]:
    """Searches a small grid for the parameters with the highest `mean_ap`.

    Args:
        start: the method, and the parameters that win unless others are better.

    Returns:
        The best parameters, their score, and the score of `start`.
    """
    seeds = SEEDS if METHODS[start.method].uses_seed_threshold else (start.seed_threshold,)
    best, before = start, mean_ap(images, start)
    score = before
    thresholds = [{"foreground_threshold": a, "seed_threshold": b} for a, b in product(FOREGROUND, seeds)]
    sizes = [{"min_seed": a, "min_area": b} for a, b in product(MIN_SEED, MIN_AREA)]
    progress = progress_bar(title="tune", total=len(thresholds) + len(sizes))
    for trials in (thresholds, sizes):
        centre = best
        for change in trials:
            trial = replace(centre, **change)
            if (found := mean_ap(images, trial)) > score:
                best, score = trial, found
            progress.update()
    progress.close()
    return best, score, before
