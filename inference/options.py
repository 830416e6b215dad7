"""What a person may choose for a prediction, besides the runs and the images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

ENGINES = ("torch", "openvino", "openvino-int8")


@dataclass(frozen=True, kw_only=True)
class PredictionOptions:
    """The options of predict.py that its results depend on.

    Attributes:
        threshold: a pixel belongs to a class above this probability, in (0, 1); None is that of the task.
        depth, tta, engine, channels: see `saved_run.open_run`.
        plane: of stacks, see `images.planes`; None is that of the run.
        pixel_size: the side of a pixel in micrometres; None is what the files say.
    """

    threshold: float | None = None
    depth: int | None = None
    tta: bool = False
    engine: str = "torch"
    plane: str | None = None
    channels: Sequence[int | str] | None = None
    pixel_size: float | None = None

    def noted(self) -> dict[str, object]:
        """Returns the options as plain Python, without those that have their default; the threshold is always there."""
        usual = asdict(USUAL)
        given = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return {"threshold": self.threshold} | given


USUAL = PredictionOptions()
