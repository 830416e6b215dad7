"""Writes the results of a scored run: masks, the scores of each image, and a sheet of overlays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from engine.history import to_csv
from images.writing import encode_png
from inference.class_files import ClassFiles
from inference.masks import Decision, masks_at_size
from inference.overlays import Overlay, contact_sheet
from system.files import write_bytes, write_text
from tasks.task import Task

PER_ROW = 4


class Named(Protocol):
    """An object with the id of an image."""

    id: str


class ScoredSamples(Protocol):
    """The samples that are scored, such as `datasets.samples.Samples`."""

    samples: Sequence[Named]
    task: Task

    def at_file_size(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...


class ScoreReport:
    """Takes logits batch by batch, in the order of `samples`, and writes these files below `folder`:

        masks/, classes/            the masks at each image's own size, see `ClassFiles`
        scores.csv                  one row per image: scores at network size and at image size
        confusion.csv               only if classes exclude each other: pixels at image size by true and predicted class
        overlays/contact_sheet.png  the best, median and worst images with the outlines of truth and prediction

    Attributes:
        counts: the counts of the predictions at image size.

    Args:
        folder: the folder to write to.
        samples: the samples that are scored, read as the run reads them.
        decide: turns logits into predictions, see `Task.decide`.
    """

    def __init__(self, folder: Path, samples: ScoredSamples, *, decide: Decision) -> None:
        self.folder, self.samples, self.task, self.decide = folder, samples, samples.task, decide
        self.counts, self.confusion = self.task.counts(), self.task.confusion()
        self.files = ClassFiles(folder, self.task)
        self._sizes: list[tuple[int, int]] = []

    def add(self, logits: Tensor) -> None:
        """Scores the next N samples and writes their masks; `logits` is [N, K, h, w] float32."""
        for one in logits:
            sample = self.samples.samples[len(self._sizes)]
            image, truth = self.samples.at_file_size(len(self._sizes))
            prediction = masks_at_size(one, image.shape[:2], self.decide)
            self._sizes.append(image.shape[:2])
            for counts in filter(None, (self.counts, self.confusion)):
                counts.update(prediction[None], self.task.to_tensor(truth)[None])
            self.files.write(sample.id, prediction.numpy())

    def finish(self, network_size: Sequence[Mapping[str, float]]) -> None:
        """Writes the tables and the sheet.

        Args:
            network_size: the scores of each image at network size, which stand beside those at image size.
        """
        at_image_size = self.counts.table()
        rows = []
        for sample, size, network, image in zip(
            self.samples.samples, self._sizes, network_size, at_image_size, strict=True
        ):
            row = {"id": sample.id, "height": size[0], "width": size[1]}
            row |= {f"{name}_network_size": score for name, score in network.items()}
            rows.append(row | {f"{name}_image_size": score for name, score in image.items()})
        write_text(self.folder / "scores.csv", to_csv(rows))
        if self.confusion is not None:
            names, pixels = self.task.classes, self.confusion.counts.tolist()
            table = [
                {"true": name} | dict(zip(names, row, strict=True)) for name, row in zip(names, pixels, strict=True)
            ]
            write_text(self.folder / "confusion.csv", to_csv(table))
        order = np.argsort([-row["iou"] for row in at_image_size], kind="stable")
        groups = _best_median_worst(order, PER_ROW)
        rows = [(title, [self._overlay(i, at_image_size[i]) for i in group]) for title, group in groups]
        sheet = contact_sheet(rows, self.files.classes)
        write_bytes(self.folder / "overlays" / "contact_sheet.png", encode_png(sheet))

    def _overlay(self, index: int, scores: dict[str, float]) -> Overlay:
        sample = self.samples.samples[index]
        image, truth = self.samples.at_file_size(index)
        caption = f"IoU {scores['iou']:.3f}  {sample.id}"
        return Overlay(caption, image, self.task.foreground(truth), self.files.read(sample.id))


def _best_median_worst(order: np.ndarray, count: int) -> list[tuple[str, list[int]]]:
    """Returns three disjoint groups of at most `count` indices of `order`, which has the best first.

    Small sets give smaller groups.
    """
    count = min(count, max(1, len(order) // 3))
    middle = max(0, (len(order) - count) // 2)
    groups = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    return [(title, group.tolist()) for title, group in groups.items()]
