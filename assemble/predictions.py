"""Run folders → what their predictions depend on, and what is compared with their training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from assemble.opening import located
from engine.runs.checkpoint_file import seal_of
from engine.runs.ready_model import weights_of
from inference.files.outputs import PredictionFolder
from inference.image_predictor import ImagePredictor
from inference.warnings.comparing import Comparison


def prediction_folder(out: Path, predictor: ImagePredictor, *, measure: bool | None, warns: bool) -> PredictionFolder:
    """Returns the folder that the results of a predictor are written to.

    Args:
        measure: whether each cell is measured; None if the task has cells.
        warns: whether images are compared with those of the training.

    Raises:
        ConfigError: cells shall be measured, and the task has none.
    """
    if measure:
        predictor.require_cells()
    cells, measures = predictor.decoding is not None, measure is not False
    return PredictionFolder(out, predictor.task, cells=cells, measures=measures, warns=warns)


def origin_of(runs: Sequence[Path], predictor: ImagePredictor) -> dict[str, object]:
    """Returns what the results depend on besides the options: the weights, and how maps become cells."""
    one = lambda values: values[0] if len(values) == 1 else values
    origin = {
        "run": one([str(run) for run in runs]),
        "weights": one([seal_of(weights_of(located(run))) for run in runs]),
        "epoch": one([member.epoch for member in predictor.members]),
    }
    return origin if predictor.decoding is None else origin | {"decode": asdict(predictor.decoding.how)}


def described(runs: Sequence[Path], predictor: ImagePredictor) -> str:
    """Returns lines for a terminal: which networks predict, and how their maps become cells."""
    lines = [
        f"run     {run}, {weights_of(located(run)).name} of epoch {member.epoch}, on {member.runtime}"
        for run, member in zip(runs, predictor.members, strict=True)
    ]
    if predictor.decoding:
        lines.append(f"decode  {predictor.decoding.describe(epoch=predictor.members[0].epoch)}")
    return "\n".join(lines)


def comparison_of(predictor: ImagePredictor) -> Comparison | None:
    """Returns what compares images with the training images of the first run; None if it has no statistics of them."""
    first = predictor.members[0]
    return None if first.statistics is None else Comparison(first.statistics, first.size)
