"""Run folders → what their predictions depend on, and what is compared with their training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from engine.runs.checkpoint_file import seal_of
from engine.runs.ready_model import weights_of
from inference.image_predictor import ImagePredictor
from inference.warnings.comparing import Comparison
from saved_run import located


def origin_of(
    runs: Sequence[Path],
    predictor: ImagePredictor,
    *,
    threshold: float | None,
    depth: int | None,
    tta: bool,
    engine: str,
    plane: str | None,
    channels: Sequence[int | str] | None,
    pixel_size: float | None,
) -> dict[str, object]:
    """Returns what the results depend on: the weights, how maps become cells, and options that are not the default."""
    one = lambda values: values[0] if len(values) == 1 else values
    origin = {
        "run": one([str(run) for run in runs]),
        "weights": one([seal_of(weights_of(located(run))) for run in runs]),
        "epoch": one([member.epoch for member in predictor.members]),
    }
    if predictor.decoding is not None:
        origin["decode"] = asdict(predictor.decoding.how)
    other = None if engine == "torch" else engine
    options = {"depth": depth, "tta": tta or None, "engine": other, "plane": plane, "channels": channels}
    options |= {"pixel_size": pixel_size}
    given = {name: value for name, value in options.items() if value is not None}
    return origin | {"threshold": threshold} | given


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
