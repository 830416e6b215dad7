"""Run → what is known of its model, for its model card and for the files that are handed on."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from datasets.folder.description import NAME as DESCRIPTION
from engine.runs.checkpoint_file import seal_of
from engine.schema.config import Config
from inference.model_card.facts import (
    LAST_EPOCH,
    Credits,
    InputFacts,
    ModelFacts,
    OutputFacts,
    Score,
    ScoreFacts,
    TrainedData,
    TrainingFacts,
)
from metrics.intervals import ratio_interval
from models import MODELS
from report.tables import Row, read_rows
from system.yaml_file import YamlError, read_yaml

if TYPE_CHECKING:
    from assemble.opening import SavedRun

# Of summary.json, in the order of the card.
SCORES = ("iou", "dice", "precision", "recall", "iou_per_image", "dice_per_image", "ap_50", "ap_70", "ap_90", "f1_50")
SCORES += ("pq", "aji", "count_error", "true_objects", "predicted_objects")


def model_facts(
    saved: SavedRun, root: Path, *, authors: Sequence[str] = (), licence: str | None = None, depth: int | None = None
) -> ModelFacts:
    """Returns the facts of a run.

    Args:
        root: the folder that paths in the configuration are relative to.
        authors, licence: see `Credits`. Without a licence, it is that of the data.
        depth: the network was pruned to this depth, see `assemble.opening.open_run`. Its scores are then not known.
    """
    config, predictor, entry = saved.config, saved.predictor, MODELS[saved.config.model.name]
    overlap = None if config.data.tile is None else config.data.tile_overlap
    task = predictor.task
    data = _data(saved, root)
    return ModelFacts(
        name=saved.folder.path.resolve().name,
        input=InputFacts(predictor.reader, predictor.normalise, config.data.window, overlap),
        output=OutputFacts(
            task=config.task,
            classes=task.classes,
            channels=task.channels,
            activation=task.activation,
            threshold=task.checked_threshold(None),
            decoding=predictor.decoding and predictor.decoding.how,
        ),
        training=_training(saved, depth),
        data=data,
        scores=None if depth is not None else _scores(saved.folder.path, seal_of(saved.folder.weights)),
        credits=Credits(tuple(authors), licence or data.licence, (entry.paper,)),
    )


def _training(saved: SavedRun, depth: int | None) -> TrainingFacts:
    config, run = saved.config, saved.folder.path
    words = ["python", "train.py", "--config", str(run / "config.yaml"), f"name={run.resolve().name}_again"]
    pruned = "" if depth is None else f" that is pruned to depth {depth}"
    encoder = f" with the encoder {config.model.encoder}" if config.model.encoder else ""
    heads = " with deep supervision" if config.model.deep_supervision else ""
    return TrainingFacts(
        network=f"{config.model.name}{encoder}{heads}{pruned}",
        parameters=sum(weight.numel() for weight in saved.predictor.model.parameters()),
        filters=tuple(config.model.filters),
        recipe=_recipe(config),
        epoch=saved.predictor.epoch,
        epochs=config.train.epochs,
        chosen_by=LAST_EPOCH if config.best == "epoch" else f"the highest {config.best}",
        command=shlex.join(words),
        environment=saved.folder.load("best").get("machine", {}),
        weights=seal_of(saved.folder.weights),
    )


def _recipe(config: Config) -> dict[str, str]:
    data, kind = config.data, "resized to" if config.data.size else "windows of"
    return {
        "images": f"{kind} {data.window[0]}×{data.window[1]}{', augmented' if data.augment else ''}",
        "loss": config.loss.name,
        "optimiser": f"{config.optimizer.name}, lr {config.optimizer.lr:g}",
        "schedule": config.scheduler.name,
        "batch": str(config.train.batch_size),
        "seed": str(config.seed),
        "norm": config.model.norm,
        "initial weights": config.model.weights or config.model.encoder_weights or "random",
    }


def _data(saved: SavedRun, root: Path) -> TrainedData:
    config, notes = saved.config, {}
    path = root / config.data.root / DESCRIPTION
    try:
        notes = read_yaml(path) if path.is_file() else {}
    except (OSError, YamlError) as error:
        print(f"data    {path} is left out of the model card: {error}")
    notes = notes if isinstance(notes, Mapping) else {}
    text = lambda key: None if notes.get(key) is None else str(notes[key])
    parts = [row.get("split") for row in read_rows(saved.folder.path / "split.csv")]
    return TrainedData(
        folder=config.data.root,
        name=text("name"),
        source=text("source"),
        licence=text("licence"),
        train=parts.count("train"),
        val=parts.count("val"),
        fingerprint=saved.data,
        split_fingerprint=saved.split,
        split=_split(config),
        test=parts.count("test"),
    )


def _split(config: Config) -> str:
    """Returns a sentence that says how the images were divided."""
    data = config.data
    if data.split_file:
        return f"The file {data.split_file} says which images train, validate and test."
    drawn = "groups of images that belong together" if data.split == "grouped" else "images"
    share = f"{data.val_fraction * 100:g}%" if data.folds is None else f"fold {data.fold} of {data.folds} (from 0)"
    test = f"; before that, {data.test_fraction * 100:g}% were drawn for a test" if data.test_fraction else ""
    return f"Of the {drawn}, {share} validate, drawn with the seed {data.split_seed}{test}."


def _scores(run: Path, seal: str) -> ScoreFacts | None:
    """Returns the scores that val.py has written; None if there are none, or if they are those of other weights.

    Those of a test part come before those of the validation part, because no choice has used it.
    """
    part = "test" if (run / "test" / "summary.json").is_file() else "val"
    results = run / part
    try:
        summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
        if summary["weights"] != seal:
            print(
                f"scores  {results} is of other weights, and is left out of the model card: python val.py --run {run}"
            )
            return None
        found, rows = summary["definitions"], read_rows(results / "scores.csv")
        scores = [Score(name, summary[name], interval_of(name, rows), found[name]) for name in SCORES if name in found]
        return ScoreFacts(
            part=part,
            images=summary["images"],
            scores=tuple(scores),
            by_size=tuple(
                (row["area"], int(row["true_objects"]), float(row["recall_50"]))
                for row in read_rows(results / "sizes.csv")
            ),
            tuned_here=bool(summary.get("tuned_on_these_images")),
            command=summary["command"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"scores  none of val.py can be used ({error}); python val.py --run {run} makes them for the model card")
        return None


def interval_of(name: str, rows: Sequence[Row]) -> tuple[float, float] | None:
    """Returns the bootstrap interval of a score over the images of scores.csv; None if the table is not enough.

    The AP of an image and its numbers of cells give back its true positives: TP = AP · (T + P) / (1 + AP), where T
    cells are true and P predicted.
    """
    try:
        if name.endswith("_per_image"):
            values = np.array([float(row[name.replace("_per_image", "_image_size")]) for row in rows])
            return ratio_interval(values, np.ones(len(rows)))
        cells = np.array([float(row["true_objects"]) + float(row["predicted_objects"]) for row in rows])
        if name.startswith("ap_") or name == "f1_50":
            ap = np.array([float(row[name.replace("f1", "ap")]) for row in rows])
            hits = np.rint(ap * cells / (1 + ap))
            return ratio_interval(2 * hits, cells) if name == "f1_50" else ratio_interval(hits, cells - hits)
        if name == "pq":  # of an image it is the sum of the IoU of its matches over half of its cells
            return ratio_interval(np.array([float(row["pq"]) for row in rows]) * cells, cells)
    except (KeyError, ValueError):
        return None
    return None
