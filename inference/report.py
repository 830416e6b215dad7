"""The results folder of a scored run: masks, per-image scores, and a sheet of overlays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from datasets.layout import encode_png
from datasets.reading import read_mask
from datasets.samples import Samples
from engine.files import write_bytes, write_text
from engine.history import to_csv
from inference.masks import masks_at_size
from inference.overlays import Overlay, contact_sheet

PER_ROW = 4


class Counts(Protocol):
    """Counts of hard predictions per image, such as `metrics.SegmentationCounts`."""

    def update(self, prediction: Tensor, target: Tensor) -> None: ...

    def table(self) -> list[dict[str, float]]: ...


class ScoreReport:
    """Takes logits batch by batch, in the order of `samples`, and writes below `folder`:

        masks/<class>/<id>.png      uint8 {0, 255}, at the image's own size
        scores.csv                  one row per image: scores at network size and at image size
        overlays/contact_sheet.png  best, median and worst images with both outlines

    Args:
        folder: to be filled.
        samples: what is scored, read as the run reads it.
        classes: names of the K channels.
        counts: gets the predictions at image size.
        threshold: probability above which a pixel is foreground.
    """

    def __init__(
        self, folder: Path, samples: Samples, classes: Sequence[str], counts: Counts, *, threshold: float
    ) -> None:
        self.folder, self.samples, self.classes, self.counts = folder, samples, classes, counts
        self.threshold = threshold
        self._sizes: list[tuple[int, int]] = []

    def add(self, logits: Tensor) -> None:
        """Takes [N, K, h, w] float32 logits of the next N samples."""
        for one in logits:
            sample = self.samples.samples[len(self._sizes)]
            image, truth = self.samples.at_file_size(len(self._sizes))
            prediction = masks_at_size(one, image.shape[:2], threshold=self.threshold)
            self._sizes.append(image.shape[:2])
            self.counts.update(prediction[None], torch.from_numpy(truth.transpose(2, 0, 1))[None])
            for name, mask in zip(self.classes, prediction.numpy(), strict=True):
                write_bytes(self._mask_path(name, sample.id), encode_png(mask.astype(np.uint8) * 255))

    def finish(self, network_size: Counts) -> None:
        """Writes the table and the sheet, with the scores at network size beside those at image size."""
        at_image_size = self.counts.table()
        rows = []
        for sample, size, network, image in zip(
            self.samples.samples, self._sizes, network_size.table(), at_image_size, strict=True
        ):
            row = {"id": sample.id, "height": size[0], "width": size[1]}
            row |= {f"{name}_network_size": score for name, score in network.items()}
            rows.append(row | {f"{name}_image_size": score for name, score in image.items()})
        write_text(self.folder / "scores.csv", to_csv(rows))
        order = np.argsort([-row["iou"] for row in at_image_size], kind="stable")
        groups = _best_median_worst(order, PER_ROW)
        sheet = contact_sheet([(title, [self._overlay(i, at_image_size[i]) for i in group]) for title, group in groups])
        write_bytes(self.folder / "overlays" / "contact_sheet.png", encode_png(sheet))

    def _overlay(self, index: int, scores: dict[str, float]) -> Overlay:
        sample = self.samples.samples[index]
        image, truth = self.samples.at_file_size(index)
        prediction = [read_mask(self._mask_path(name, sample.id)) for name in self.classes]
        return Overlay(f"IoU {scores['iou']:.3f}  {sample.id}", image, truth, np.stack(prediction, axis=-1))

    def _mask_path(self, name: str, sample_id: str) -> Path:
        return self.folder / "masks" / name / f"{sample_id}.png"


def _best_median_worst(order: np.ndarray, count: int) -> list[tuple[str, list[int]]]:
    """Three disjoint groups of at most `count` indices from `order`, best first; small sets give smaller groups."""
    count = min(count, max(1, len(order) // 3))
    middle = max(0, (len(order) - count) // 2)
    groups = {"best": order[:count], "median": order[middle : middle + count], "worst": order[-count:]}
    return [(title, group.tolist()) for title, group in groups.items()]
