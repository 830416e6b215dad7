"""Opens a run folder or a ready model, and returns its trained network, ready to predict.

from saved_run import load_run
predictor = load_run("outputs/demo")  # or load_run("pretrained/nuclei"), from any folder
masks = predictor(image)
cells = predictor.cells(image)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from assemble.opening import SavedRun, open_run
from inference.ensemble import ensemble
from inference.image_predictor import ImagePredictor

__all__ = ["SavedRun", "load_run", "open_run"]


def load_run(
    *paths: Path | str,
    device: str | None = None,
    precision: str | None = None,
    depth: int | None = None,
    tta: bool = False,
    engine: str = "torch",
    channels: Sequence[int | str] | None = None,
) -> ImagePredictor:
    """Loads a run or a ready model, ready to predict; several of one task predict together, see `Ensemble`.

    Arguments and errors are those of `open_run`.

    Raises:
        ConfigError: the runs differ in their task or in their classes.
    """
    members = [
        open_run(
            path, device=device, precision=precision, depth=depth, tta=tta, engine=engine, channels=channels
        ).predictor
        for path in paths
    ]
    return ensemble(members, [str(path) for path in paths])
