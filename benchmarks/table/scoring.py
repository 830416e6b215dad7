"""Run folders → the counts of their images, and which images belong together."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from pathlib import Path

import assemble
import val
from datasets.folder.given_groups import given_groups
from datasets.grouping.groups import Grouping, group_images
from datasets.listed_data import views_of
from engine.runs.checkpoint_file import seal_of
from engine.schema.config import Config
from engine.schema.config_file import load_config
from images.choosing import reader_for
from inference.files.image_counts import NAME, ScoredImages, read_counts


def scored_images(run: Path, part: str, *, anew: bool = False) -> ScoredImages:
    """Returns the counts of a part of a run's data, which val.py scores now unless it has scored these weights before.

    Args:
        anew: scores are only taken over if val.py made them with its default options.
    """
    results = run / part
    if not _is_scored(run, results, anew=anew):
        with contextlib.redirect_stdout(sys.stderr):  # standard output is the Markdown
            val.validate(run, part=part, page=False)
    return read_counts(results / NAME)


def _is_scored(run: Path, results: Path, *, anew: bool) -> bool:
    if not (results / NAME).exists() or not (results / "summary.json").exists():
        return False
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    if summary["weights"] != seal_of(run / "best.pth"):
        return False
    return not anew or (summary["threshold"] in (None, 0.5) and "--tta" not in summary["command"].split())


def environment_of(run: Path, part: str) -> str:
    """Returns what the scores of a part were computed with, in a line."""
    found = json.loads((run / part / "summary.json").read_text(encoding="utf-8"))["environment"]
    return ", ".join(f"{key} {value}" for key, value in found.items())


def minutes_of(run: Path) -> float:
    """Returns how long a run has trained and validated, in minutes."""
    with (run / "timing.csv").open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        return sum(float(row["train_seconds"]) + float(row["val_seconds"]) for row in rows) / 60


def grouping_of(run: Path, root: Path) -> Grouping:
    """Returns which images of a run's data folder belong together, whatever its split is.

    Args:
        root: the folder that paths in a configuration are relative to.
    """
    return grouping_of_data(load_config(run / "config.yaml"), root)


def grouping_of_data(config: Config, root: Path) -> Grouping:
    """Returns which images of a configuration's data folder belong together; see `grouping_of`."""
    data = config.data
    key = data.root, str(data.channels), data.plane
    if key not in _found:
        listed = assemble.data_folder(config, root)
        reader = reader_for(data.channels, plane=data.plane, max_pixels=data.max_pixels)
        images = {sample.id: sample.image for sample in listed.samples}
        given = given_groups(root / data.root, listed.groups, list(images))
        _found[key] = group_images(views_of(images, reader.any_channels), given)
    return _found[key]


_found: dict[tuple[str, str, str | None], Grouping] = {}  # a table has many runs of one data folder
