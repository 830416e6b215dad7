"""Writes the page of a run that val.py has scored: `<run>/report.html`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.runs.checkpoint_file import load_checkpoint
from engine.runs.ready_model import weights_of
from metrics import ERRORS
from report.charts import (
    agreement,
    bland_altman,
    by_size,
    by_threshold,
    calibration_plot,
    counts_plot,
    learning_curves,
)
from report.examples import examples_of
from report.page import write_page
from report.tables import Column, Row, make_table, number, read_rows
from system.errors import CheckpointError, DataError
from system.names import shown

if TYPE_CHECKING:
    from markupsafe import Markup

    from inference.files.score_report import ScoredSamples

COLUMNS = (
    Column("id", "image"),
    Column("iou_image_size", "IoU", 3),
    Column("ap_50", "AP@.5", 3),
    Column("pq", "PQ", 3),
    Column("true_objects", "true", 0),
    Column("predicted_objects", "predicted", 0),
    Column("difference", "difference", 0),
    Column("missed", "missed", 0),
    Column("extra", "extra", 0),
    Column("merged", "merged", 0),
    Column("split", "split", 0),
    Column("median_area", "median area", 0),
    Column("mean_confidence", "confidence", 3),
    Column("height", "height", 0),
    Column("width", "width", 0),
)
FILTERS = {name: f"with {name} cells" for name in ERRORS}
MAIN = ("iou", "dice", "precision", "recall", "ap_50", "ap", "f1_50", "pq", "aji", "count_error")  # stand on top


def page_path(run: Path, part: str) -> Path:
    """Returns the path of the page: report.html for the validation part, and report_<part>.html for others."""
    return run / ("report.html" if part == "val" else f"report_{part}.html")


def write_run_page(run: Path, samples: ScoredSamples | None, *, part: str = "val") -> int:
    """Writes the page of one part of a run's data, and returns its size in bytes.

    Args:
        run: the run folder.
        samples: the samples of this part, as they were scored; None leaves the pictures out.
        part: "val", "train", "test" or "all", as val.py scored it.

    Raises:
        DataError: there are no results of this part.
        DiskError: the page cannot be written.
    """
    results = run / part
    summary, rows = _summary(results, run, part), _image_rows(results)
    caption = f"Scores of each image of the part '{part}', from {part}/scores.csv"
    ranked = sorted(rows, key=lambda row: number(row.get(score_of(rows))) or 0.0)  # the worst come first
    return write_page(
        page_path(run, part),
        "run.html",
        name=shown(run.name),
        part=part,
        summary=summary,
        has_cells="ap_50" in summary,
        several_classes=len(summary.get("counts", {}).get("pixels", ())) > 1,
        errors=_errors(rows),
        error_definitions=ERRORS,
        curves=_curves(run, int(summary["epoch"])),
        main=[name for name in MAIN if name in summary],
        definitions=summary.get("definitions", {}),
        groups=examples_of(results, samples, rows, score=score_of(rows)) if samples is not None else [],
        score_name="AP@.5" if score_of(rows) == "ap_50" else "IoU",
        counts=_count_plots(rows),
        plots=_score_plots(results, summary),
        confusion=read_rows(results / "confusion.csv"),
        table=make_table(
            caption, COLUMNS, ranked, filters=FILTERS, chosen=f"the worst; {part}/scores.csv has all of them"
        ),
        decoding=", ".join(f"{name} {value}" for name, value in (summary.get("decode") or {}).items()) or "none",
        config=_text(run / "config.yaml"),
        environments=_environments(run, summary),
        commands=commands(run, summary, part),
    )


def score_of(rows: list[Row]) -> str:
    """Returns the column that ranks the images: the AP of their cells if cells are scored, and otherwise the IoU."""
    return "ap_50" if rows and rows[0].get("ap_50") else "iou_image_size"


def commands(run: Path, summary: Mapping[str, object], part: str) -> dict[str, str]:
    """Returns what a command makes → the command."""
    words = ["python", "train.py", "--config", str(run / "config.yaml"), f"name={run.name}_again"]
    scoring = summary.get("command", shlex.join(["python", "val.py", "--run", str(run), "--split", part]))
    drawing = ["python", "-m", "report", str(run), *([] if part == "val" else ["--split", part])]
    return {
        "the training, as a new run": shown(shlex.join(words)),
        "the scores": shown(str(scoring)),
        "this page": shown(shlex.join(drawing)),
    }


def _summary(results: Path, run: Path, part: str) -> dict:
    try:
        summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
        int(summary["epoch"])
        return summary
    except (OSError, ValueError, KeyError, TypeError) as error:
        command = shlex.join(["python", "val.py", "--run", str(run), "--split", part])
        raise DataError(f"{results}: there is no usable summary.json of val.py; run {command}") from error


def _image_rows(results: Path) -> list[Row]:
    """Returns the rows of scores.csv, each with what images.csv says of its cells, and the difference of the counts."""
    cells = {row["image"]: row for row in read_rows(results / "images.csv")}
    rows = []
    for row in read_rows(results / "scores.csv"):
        own = {name: cells.get(row["id"], {}).get(name, "") for name in ("median_area", "mean_confidence")}
        if row.get("true_objects"):
            own["difference"] = str(int(row["predicted_objects"]) - int(row["true_objects"]))
        rows.append(row | own)
    return rows


def _errors(rows: list[Row]) -> dict[str, int]:
    """Returns the cells with each error in all images; nothing if the table is older than these columns."""
    return {name: sum(int(row[name]) for row in rows) for name in ERRORS if rows and rows[0].get(name)}


def _curves(run: Path, epoch: int) -> list[Markup]:
    rows = [{name: number(value) for name, value in row.items()} for row in read_rows(run / "log.csv")]
    rows = [row for row in rows if None not in (row.get("epoch"), row.get("loss"), row.get("val_iou"))]
    return learning_curves(rows, epoch) if rows else []


def _count_plots(rows: list[Row]) -> dict[str, object]:
    """Returns the plots of the counts and the numbers of their agreement; nothing if no cells are scored."""
    if not rows or not rows[0].get("true_objects"):
        return {}
    true, predicted = (np.array([int(row[name]) for row in rows]) for name in ("true_objects", "predicted_objects"))
    found = {"scatter": counts_plot(true, predicted), "agreement": agreement(true, predicted)}
    return found | ({"difference": bland_altman(true, predicted)} if len(rows) > 1 else {})


def _score_plots(results: Path, summary: Mapping[str, float]) -> dict[str, object]:
    """Returns name → plot of the scores of cells by threshold, size and confidence, as far as there are numbers."""
    found = {}
    percent = [t for t in range(50, 100, 5) if f"ap_{t}" in summary and f"f1_{t}" in summary]
    if percent:
        values = ([summary[f"{name}_{t}"] for t in percent] for name in ("ap", "f1"))
        found["thresholds"] = by_threshold([t / 100 for t in percent], *values)
    if sizes := read_rows(results / "sizes.csv"):
        shares = ([number(row[name]) or 0.0 for row in sizes] for name in ("recall_50", "ap_50"))
        found["sizes"] = by_size([row["area"] for row in sizes], [int(row["true_objects"]) for row in sizes], *shares)
    bins = [row for row in read_rows(results / "calibration.csv") if row.get("cells")]
    if bins:
        cells, matched = (np.array([int(row[name]) for row in bins]) for name in ("cells", "matched"))
        confidence = np.array([float(row["mean_confidence"]) for row in bins])
        found["calibration"] = calibration_plot(confidence, matched / cells, cells)
        found["calibration_error"] = float(np.abs(matched - confidence * cells).sum() / cells.sum())
    return found


def _environments(run: Path, summary: Mapping[str, object]) -> list[tuple[str, object, object]]:
    """Returns rows of (name, value in the training, value in the scoring); "" if one is not known."""
    try:
        training = load_checkpoint(weights_of(run)).get("machine")
    except CheckpointError:
        training = None
    training = training if isinstance(training, dict) else {}
    scoring = summary.get("environment", {})
    return [(name, training.get(name, ""), scoring.get(name, "")) for name in {**scoring, **training}]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
