"""The tables and the sheet of a scored run, with scores counted by hand."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from inference.cells.decode_file import ChosenDecoding
from inference.cells.decoding import Decoding
from inference.files.overlays import PREDICTION, TRUTH
from inference.files.score_report import ScoreReport
from tasks.binary import Binary
from tasks.distance import Distance
from tasks.multiclass import Multiclass

COMPONENTS = Decoding("components", min_seed=1, min_area=1)


class Scored:
    """Samples of grey images; `truths` are encoded targets, or label maps [H, W] of cells."""

    def __init__(self, task, truths):
        self.task, self.truths = task, truths
        path = Path("x.tif") if task.reads == "labels" else None
        self.samples = [SimpleNamespace(id=f"well/{number}", labels=path) for number in range(len(truths))]

    def at_file_size(self, index):
        truth = self.truths[index]
        image = np.full((*truth.shape[:2], 3), 90, np.uint8)
        return image, self.task.encode(truth[..., None]) if truth.ndim == 2 else truth

    def labels(self, index, *, at_file_size=False):
        assert at_file_size
        return self.truths[index]


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def report_of(folder, samples, predictions, *, decoding=None):
    """Writes the report of predictions, which are masks [C, H, W]; each has the score 0.25 at network size."""
    report = ScoreReport(folder, samples, decide=samples.task.decide, decoding=decoding)
    for mask in predictions:
        report.add(torch.from_numpy(np.where(mask, 8.0, -8.0).astype(np.float32))[None])
    report.finish([{"iou": 0.25}] * len(predictions))
    return report


def test_every_image_has_a_row_and_every_class_one_of_the_confusion(tmp_path):
    truths = [np.array([[0, 1, 1, 2]], np.uint8)[..., None], np.array([[2, 2], [255, 0], [0, 0]], np.uint8)[..., None]]
    found = [np.array([[0, 1, 2, 2]]), np.array([[2, 0], [1, 0], [0, 1]])]
    predictions = [np.stack([indices == k for k in range(3)]) for indices in found]
    report = report_of(tmp_path, Scored(Multiclass(("background", "a", "b")), truths), predictions)
    rows = rows_of(tmp_path / "scores.csv")
    assert [[row[name] for name in ("id", "height", "width")] for row in rows] == [
        ["well/0", "1", "4"],
        ["well/1", "3", "2"],
    ]
    # Image 0: a has TP 1, FN 1, and b has TP 1, FP 1. Image 1: a has FP 1 (another one is void), b has TP 1, FN 1.
    assert [float(row["iou_image_size"]) for row in rows] == [0.5, 0.25]
    assert [float(row["iou_network_size"]) for row in rows] == [0.25, 0.25]
    assert rows_of(tmp_path / "confusion.csv") == [
        {"true": "background", "background": "3", "a": "1", "b": "0"},
        {"true": "a", "background": "0", "a": "1", "b": "1"},
        {"true": "b", "background": "1", "a": "0", "b": "2"},
    ]
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png")} == {
        *(f"masks/{name}/well/{number}.png" for name in "ab" for number in range(2)),
        *(f"classes/well/{number}.png" for number in range(2)),
        "overlays/contact_sheet.png",
    }
    assert not (tmp_path / "images.csv").exists()
    assert report.contents == ["summary.json", "scores.csv", "masks/", "overlays/contact_sheet.png"]


def rectangles(*boxes):
    """[20, 20] int32 ids 1, 2, … of boxes (top, left, height, width)."""
    labels = np.zeros((20, 20), np.int32)
    for number, (top, left, height, width) in enumerate(boxes, start=1):
        labels[top : top + height, left : left + width] = number
    return labels


TRUE_CELLS = [rectangles((1, 1, 10, 10), (13, 13, 5, 5)), rectangles((2, 2, 12, 12))]


def report_of_cells(folder):
    """The first image has both cells and one more of 4 pixels; the cell of the second is found at an IoU of 0.75."""
    found = [TRUE_CELLS[0] + rectangles((1, 15, 2, 2)) > 0, rectangles((2, 2, 12, 9)) > 0]
    samples = Scored(Distance(("cell",)), TRUE_CELLS)
    return report_of(folder, samples, [np.stack([mask, mask]) for mask in found], decoding=COMPONENTS)


def test_the_tables_of_cells(tmp_path):
    report = report_of_cells(tmp_path)
    rows = rows_of(tmp_path / "scores.csv")
    columns = ("ap_50", "ap_70", "ap_90", "true_objects", "predicted_objects")
    assert [[float(row[name]) for name in columns] for row in rows] == [
        [pytest.approx(2 / 3, abs=1e-6), pytest.approx(2 / 3, abs=1e-6), pytest.approx(2 / 3, abs=1e-6), 2, 3],
        [1, 1, 0, 1, 1],
    ]
    assert rows_of(tmp_path / "sizes.csv") == [
        {"area": "< 100", "true_objects": "1", "recall_50": "1.000000", "ap_50": "0.500000"},
        {"area": "100 – 200", "true_objects": "2", "recall_50": "1.000000", "ap_50": "1.000000"},
        *(
            {"area": area, "true_objects": "0", "recall_50": "", "ap_50": ""}
            for area in ("200 – 400", "400 – 800", "800 – 1600", "≥ 1600")
        ),
    ]
    assert [(row["image"], row["cells"], row["median_area"]) for row in rows_of(tmp_path / "images.csv")] == [
        ("well/0", "3", "25"),
        ("well/1", "1", "108"),
    ]
    first, second = report.cells_line().splitlines()
    assert first.startswith("cells   AP@.5 0.7500, AP@.7 0.7500, AP@.9 0.4000, F1@.5 0.8571, PQ ")
    assert second.strip() == "4 predicted, 3 true, 3 of them found: count error 33.3%; mean over images 25.0%"
    assert report.contents[2:-1] == ["masks/", "labels/", "cells.csv", "images.csv"]


def test_the_summary_names_its_origin(tmp_path):
    report = report_of_cells(tmp_path)
    chosen = ChosenDecoding(COMPONENTS, tuned_on="val", epoch=2)
    origin = {"run": "outputs/x", "epoch": 3, "part": "val", "threshold": 0.5, "weights": "1f", "data": {"root": "y"}}
    origin |= {"environment": {"python": "3"}, "command": "python train.py"}
    report.write_summary(decoding=chosen, **origin)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert {name: found[name] for name in [*origin, "images"]} == origin | {"images": 2}
    assert found["ap_50"] == 0.75
    assert text.endswith("}\n")


def spans(picture, colour):
    """The first and the last row, and the first and the last column, of the pixels of a colour below the legend."""
    rows, columns = np.nonzero((picture[30:] == colour).all(-1))
    return np.array([rows.min(), rows.max(), columns.min(), columns.max()])


@pytest.mark.parametrize("task", [Binary(("cell",)), Distance(("cell",))])
def test_the_sheet_outlines_the_truth_and_the_prediction(tmp_path, task):
    """A tile of 256 pixels shows an image of this side as it is. Void is outside of the truth."""
    truth, prediction = np.zeros((2, 256, 256), np.uint8)
    truth[40:80, 100:180] = 1
    prediction[150:200, 20:90] = 1
    cells = task.reads == "labels"
    if not cells:
        truth[200:] = 255
    samples = Scored(task, [truth.astype(np.int32) if cells else truth[..., None]])
    masks = [np.stack([prediction] * len(task.channels)) > 0]
    report_of(tmp_path, samples, masks, decoding=COMPONENTS if cells else None)
    sheet = cv2.imread(str(tmp_path / "overlays" / "contact_sheet.png"))[..., ::-1]
    expected = np.array([[40, 79, 100, 179], [150, 199, 20, 89]])
    drawn = np.stack([spans(sheet[:320], TRUTH), spans(sheet[:320], PREDICTION)])
    assert len(np.unique(drawn[:, :2] - expected[:, :2])) == 1  # both lie at the same place of the sheet, unchanged
    assert len(np.unique(drawn[:, 2:] - expected[:, 2:])) == 1


def test_the_best_images_come_first(tmp_path):
    """Three images give three groups of one; their outlines of the prediction tell which is which."""
    truth = np.zeros((256, 256, 1), np.uint8)
    truth[:, :200] = 1
    predictions = [np.zeros((1, 256, 256), bool) for _ in range(3)]
    for mask, width in zip(predictions, (100, 180, 140), strict=True):
        mask[:, :, :width] = True
    report_of(tmp_path, Scored(Binary(("cell",)), [truth] * 3), predictions)
    sheet = cv2.imread(str(tmp_path / "overlays" / "contact_sheet.png"))[..., ::-1]
    bands = np.array_split(sheet[30:], 3)
    widths = [np.ptp(np.nonzero((band == PREDICTION).all(-1))[1]) + 1 for band in bands]
    assert widths == [180, 140, 100]
