"""Run folders as val.py leaves them, without a training: the predictions are the truth with planted errors."""

import csv
from types import SimpleNamespace

import cv2
import numpy as np
import torch
import yaml

from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import decoding_by
from inference.files.score_report import ScoreReport
from tasks.binary import Binary

EVIL = "<img src=x onerror=\"document.title='hacked'\">"  # the name of an image, and a note
LOG = ("epoch", "lr", "loss", "iou", "dice", "val_loss", "val_iou", "val_dice", "val_ap_50")


class DrawnSamples:
    """Images of discs in a grid, which `datasets.samples.Samples` would read from files.

    Args:
        names: the ids of the images.
        side: of each image in pixels.
    """

    def __init__(self, names, *, side):
        self.samples = [SimpleNamespace(id=name, labels=name) for name in names]
        self.task, self.side = Binary(("cell",)), side

    def labels(self, index, *, at_file_size=False):
        labels = np.zeros((self.side, self.side), np.int32)
        centres = [(x, y) for y in range(16, self.side - 8, 32) for x in range(16, self.side - 8, 32)]
        for number, centre in enumerate(centres, start=1):
            cv2.circle(labels, centre, 7 + (index + number) % 5, number, -1)
        return labels

    def at_file_size(self, index):
        labels, rng = self.labels(index), np.random.default_rng(index)
        image = np.where(labels > 0, 150, 40)[..., None] + rng.integers(0, 60, (*labels.shape, 3))
        return image.astype(np.uint8), (labels[..., None] > 0).astype(np.uint8)

    def prediction(self, index):
        """The mask of image `index`, [H, W] bool: the first `index % 3` cells are missed, and one pixel is extra."""
        labels = self.labels(index)
        mask = labels > index % 3
        mask[0, 0] = index % 2
        return mask


def write_scored_run(folder, names, *, side=64, epochs=3, with_cells=True):
    """Writes a run folder and its `val/`, and returns the samples."""
    folder.mkdir(parents=True)
    samples = DrawnSamples(names, side=side)
    if not with_cells:
        samples.samples = [SimpleNamespace(id=name, labels=None) for name in names]
    decoding = decoding_by("components", min_area=1) if with_cells else None
    report = ScoreReport(folder / "val", samples, decide=samples.task.decide, decoding=decoding)
    for index in range(len(names)):
        mask = torch.from_numpy(samples.prediction(index))
        report.add(torch.where(mask, 3.0, -3.0)[None, None])
    report.finish([{"iou": 0.5, "dice": 0.6}] * len(names))
    report.write_summary(
        run=str(folder),
        epoch=2,
        part="val",
        threshold=0.5,
        decoding=decoding and ChosenDecoding(decoding),
        weights="crc32 00000000",
        data={"folder": f"inputs/{EVIL}", "fingerprint": "f" * 32, "split": "e" * 32, "as_in_training": True},
        environment={"python": "3.11", "torch": "2.6"},
        command=f"python val.py --run {EVIL}",
    )
    (folder / "config.yaml").write_text(yaml.safe_dump({"name": folder.name, "note": EVIL}))
    with (folder / "log.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [LOG, *([n, 0.1, 1 / n, 0.4, 0.5, 1.2 / n, 0.3 + n / 99, 0.6, ""] for n in range(1, epochs + 1))]
        )
    return samples
