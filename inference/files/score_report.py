"""Writes the results of a scored run: masks, cells, the scores of each image, and a sheet of overlays."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import Tensor

from engine.history import to_csv
from images.reading import decode_labels, read_bytes
from images.resize import resize_logits
from images.writing import encode_png
from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import Decoding, decode
from inference.files.cell_files import CellFiles
from inference.files.class_files import ClassFiles
from inference.files.image_counts import NAME as COUNTS
from inference.files.image_counts import write_counts
from inference.files.overlays import Overlay, contact_sheet
from inference.files.summary import summary_of
from metrics import Calibration, InstanceCounts, SegmentationCounts, match_labels, object_errors
from system.csv_text import guarded
from system.files import write_bytes, write_text
from tasks.task import Task

PER_ROW = 4
SIZES = (100, 200, 400, 800, 1600)  # areas in pixels, between the classes of sizes.csv
CELL_SCORES = ("ap_50", "ap_70", "ap_90", "f1_50", "pq", "aji", "true_objects", "predicted_objects")  # of each image


class Named(Protocol):
    """An object with the id of an image, and the path of its label map if there is one."""

    id: str
    labels: Path | None


class ScoredSamples(Protocol):
    """The samples that are scored, such as `datasets.samples.Samples`."""

    samples: Sequence[Named]
    task: Task

    def at_file_size(self, index: int) -> tuple[np.ndarray, np.ndarray]: ...

    def labels(self, index: int, *, at_file_size: bool = False) -> np.ndarray: ...


class ScoreReport:
    """Takes logits batch by batch, in the order of `samples`, and writes these files below `folder`:

        masks/, classes/            the masks at each image's own size, see `ClassFiles`
        labels/, cells/, …          the cells at each image's own size, see `CellFiles`; only if the task has cells
        scores.csv                  one row per image: scores at network size and at image size
        counts.npz                  what each image adds to the scores of a set, see `inference.files.image_counts`
        summary.json                the scores of the whole set at image size, see `inference.files.summary`
        sizes.csv                   only if cells are scored: their scores by their area in pixels
        calibration.csv             only if cells are scored: the share that is right, by confidence
        confusion.csv               only if classes exclude each other: pixels at image size by true and predicted class
        overlays/contact_sheet.png  the best, median and worst images with the outlines of truth and prediction

    Cells are scored if every sample has a label map.

    Attributes:
        counts: the counts of the predictions at image size.
        objects: the counts of the cells at image size; None if cells are not scored.

    Args:
        folder: the folder to write to.
        samples: the samples that are scored, read as the run reads them.
        decide: turns logits into predictions, see `Task.decide`.
        decoding: turns maps into cells; None if the task has none.
    """

    def __init__(
        self,
        folder: Path,
        samples: ScoredSamples,
        *,
        decide: Callable[[Tensor], Tensor],
        decoding: Decoding | None = None,
    ) -> None:
        self.folder, self.samples, self.task, self.decide = folder, samples, samples.task, decide
        self.decoding = decoding
        self.counts, self.confusion = self.task.counts(), self.task.confusion()
        self.files, self.cells = ClassFiles(folder, self.task), CellFiles(folder)
        labelled = decoding is not None and all(sample.labels for sample in samples.samples)
        self.objects = InstanceCounts() if labelled else None
        self._calibration, self._errors = Calibration(), []
        self._sizes: list[tuple[int, int]] = []

    def add(self, logits: Tensor) -> None:
        """Scores the next N samples and writes their masks and cells; `logits` is [N, C, h, w] float32."""
        for one in logits:
            sample = self.samples.samples[len(self._sizes)]
            image, truth = self.samples.at_file_size(len(self._sizes))
            logits_of_image = resize_logits(one, image.shape[:2])[None]
            prediction = self.decide(logits_of_image)[0]
            if self.decoding is not None:
                self._add_cells(sample.id, self.task.maps(logits_of_image)[0].numpy())
            self._sizes.append(image.shape[:2])
            for counts in filter(None, (self.counts, self.confusion)):
                counts.update(prediction[None], self.task.to_tensor(truth)[None])
            self.files.write(sample.id, prediction.numpy())

    def _add_cells(self, name: str, maps: np.ndarray) -> None:
        objects = decode(maps, self.decoding)
        self.cells.write(name, objects)
        if self.objects is not None:
            overlap = match_labels(self.samples.labels(len(self._sizes), at_file_size=True), objects.labels)
            errors = object_errors(overlap)
            self.objects.add(overlap)
            self._calibration.update(objects.confidences[overlap.ids - 1], ~errors.extra)
            self._errors.append(errors.counts())

    def finish(self, network_size: Sequence[Mapping[str, float]]) -> None:
        """Writes the tables and the sheet.

        Args:
            network_size: the scores of each image at network size, which stand beside those at image size.
        """
        at_image_size = self.counts.table()
        of_cells = self._scores_of_cells()
        rows = []
        for sample, size, network, image, cells in zip(
            self.samples.samples, self._sizes, network_size, at_image_size, of_cells, strict=True
        ):
            row = {"id": guarded(sample.id), "height": size[0], "width": size[1]}
            row |= {f"{name}_network_size": score for name, score in network.items()}
            rows.append(row | {f"{name}_image_size": score for name, score in image.items()} | cells)
        write_text(self.folder / "scores.csv", to_csv(rows))
        ids = [sample.id for sample in self.samples.samples]
        write_counts(self.folder / COUNTS, ids, self.counts, self.objects)
        if self.confusion is not None:
            names, pixels = self.task.classes, self.confusion.counts.tolist()
            table = [
                {"true": name} | dict(zip(names, row, strict=True)) for name, row in zip(names, pixels, strict=True)
            ]
            write_text(self.folder / "confusion.csv", to_csv(table))
        shown = [{"IoU": image["iou"]} for image in at_image_size]
        if self.objects is not None:
            shown = [{"AP": cells["ap_50"]} | scores for cells, scores in zip(of_cells, shown, strict=True)]
        order = np.argsort([-next(iter(scores.values())) for scores in shown], kind="stable")
        groups = best_median_worst(order, PER_ROW)
        rows = [(title, [self._overlay(i, shown[i]) for i in group]) for title, group in groups]
        sheet = contact_sheet(rows, self.files.classes)
        write_bytes(self.folder / "overlays" / "contact_sheet.png", encode_png(sheet))

    def _overlay(self, index: int, scores: dict[str, float]) -> Overlay:
        sample = self.samples.samples[index]
        image, truth = self.samples.at_file_size(index)
        caption = "  ".join([*(f"{name} {score:.3f}" for name, score in scores.items()), sample.id])
        if self.objects is None:
            return Overlay(caption, image, self.task.foreground(truth), self.files.read(sample.id))
        path = self.cells.label_path(sample.id)
        return Overlay(
            caption,
            image,
            self.samples.labels(index, at_file_size=True).astype(np.int32),
            decode_labels(read_bytes(path), str(path)).astype(np.int32),
        )

    @property
    def contents(self) -> list[str]:
        """Names of what the folder holds, for a terminal."""
        cells = ["labels/", "cells.csv", "images.csv"] if self.decoding is not None else []
        return ["summary.json", "scores.csv", "masks/", *cells, "overlays/contact_sheet.png"]

    def described(self, network_size: SegmentationCounts) -> str:
        """Returns the scores of the pixels, which `network_size` counts at another size, and of cells, in lines."""
        lines = []
        for name, counts in (("network size", network_size), ("image size", self.counts)):
            scores = counts.compute()
            lines.append(
                f"scores  at {name}: IoU {scores.iou:.4f}, Dice {scores.dice:.4f}; "
                f"mean over images: IoU {scores.iou_per_image:.4f}, Dice {scores.dice_per_image:.4f}"
            )
            if len(scores.per_class) > 1:
                own = ", ".join(f"{label} {one['iou']:.4f}" for label, one in scores.per_class.items())
                lines.append(f"        IoU of {own}")
        return "\n".join([*lines, *([self.cells_line()] if self.objects else [])])

    def cells_line(self) -> str:
        """Returns the scores of the cells as two lines for a terminal."""
        scores = self.objects.compute()
        true = scores["true_objects"]
        return (
            f"cells   AP@.5 {scores['ap_50']:.4f}, AP@.7 {scores['ap_70']:.4f}, AP@.9 {scores['ap_90']:.4f}, "
            f"F1@.5 {scores['f1_50']:.4f}, PQ {scores['pq']:.4f} (SQ {scores['sq']:.4f} · DQ {scores['dq']:.4f}), "
            f"AJI {scores['aji']:.4f}\n"
            f"        {scores['predicted_objects']} predicted, {true} true, "
            f"{round(scores['recall_50'] * true)} of them found: "
            f"count error {scores['count_error']:.1%}; mean over images {scores['count_error_per_image']:.1%}"
        )

    def write_summary(
        self,
        *,
        run: str,
        epoch: int,
        part: str,
        threshold: float | None,
        decoding: ChosenDecoding | None,
        weights: str,
        data: Mapping[str, object],
        environment: Mapping[str, object],
        command: str,
    ) -> None:
        """Writes summary.json: the scores of the set at image size, pooled, and where they come from.

        Args:
            run, epoch, part: the run folder, the epoch of its weights, and the part of its data.
            threshold: of the masks; None if the task uses none.
            decoding: of the cells.
            weights: the seal of the checkpoint.
            data: the data folder and its fingerprints.
            environment: what else the scores depend on, such as the version of torch.
            command: the command line that makes these results again.
        """
        origin = {"run": run, "epoch": epoch, "part": part, "images": len(self._sizes), "threshold": threshold}
        origin |= {"weights": weights, "data": data, "environment": environment, "command": command}
        summary = summary_of(origin, self.counts, self.objects, part=part, decoding=decoding)
        write_text(self.folder / "summary.json", json.dumps(summary, indent=2, ensure_ascii=False) + "\n")

    def _scores_of_cells(self) -> list[dict[str, float]]:
        """Writes the tables of cells, and returns the scores of the cells of each image, which may be none."""
        names = [sample.id for sample in self.samples.samples]
        if self.decoding is not None:
            self.cells.write_summary(names)
        if self.objects is None:
            return [{} for _ in names]
        sizes = [{"area": area} | scores for area, scores in self.objects.by_area(SIZES).items()]
        write_text(self.folder / "sizes.csv", to_csv(sizes))
        write_text(self.folder / "calibration.csv", to_csv(self._calibration.table()))
        scores = [{name: row[name] for name in CELL_SCORES} for row in self.objects.table()]
        return [own | errors for own, errors in zip(scores, self._errors, strict=True)]


def best_median_worst(order: np.ndarray, count: int) -> list[tuple[str, list[int]]]:
    """Returns three groups of at most `count` indices of `order`, the best first; below three of them some repeat."""
    count = min(count, max(1, len(order) // 3))
    middle = max(0, (len(order) - count) // 2)
    groups = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    return [(title, group.tolist()) for title, group in groups.items()]
