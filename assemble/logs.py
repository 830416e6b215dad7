"""Configuration → what a training writes besides its tables: curves.png, and events for TensorBoard with pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from assemble.cells import decoding
from datasets.survey import TrainingData
from engine.device import Runtime
from engine.runs.curves import CurveFile
from engine.runs.event_log import EventLog, Picture
from engine.runs.run_folder import RunFolder
from engine.schema.config import Config
from images.writing import encode_jpeg
from inference.cells.decoding import decode
from system.spread import spread
from tasks import TASKS

if TYPE_CHECKING:
    from report.pictures import Scene

FOLLOWED = 4  # validation images
MIDDLE = 384  # pixels: of a larger image the middle is shown


def logs(
    config: Config, data: TrainingData, run: RunFolder, model: nn.Module, where: Runtime
) -> list[CurveFile | EventLog]:
    """Returns what is kept up to date after each epoch.

    Args:
        model: the network that scores.
    """
    kept: list[CurveFile | EventLog] = [run.curves]
    if "tensorboard" in config.train.log_to:
        draw = followed_images(config, data, model, where)
        kept.append(EventLog(run.path / "tensorboard", epochs=config.train.epochs, draw=draw))
    return kept


def followed_images(
    config: Config, data: TrainingData, model: nn.Module, where: Runtime
) -> Callable[[], list[Picture]]:
    """Returns a function that predicts some validation images, always the same, and draws them as a report does."""
    how, cells = decoding(config), {}

    @torch.inference_mode()
    def scene(index: int) -> Scene:
        from report.pictures import Scene

        image, target = data.val[index]
        rows, columns = (middle_of(side) for side in image.shape[:2])
        image, target = image[rows, columns], target[rows, columns]
        images = where.move_images(data.normalise(image)[None])
        with where.autocast():
            logits = model(images).float()
        if not TASKS[config.task].instances:
            decided = data.task.decide(logits)[0, data.task.drawn].cpu().numpy().astype(np.uint8)
            return Scene(image, data.task.foreground(target), np.moveaxis(decided, 0, 2))
        if index not in cells:  # the label map is read once
            cells[index] = data.val.labels(index)[rows, columns].astype(np.int32)
        return Scene(image, cells[index], decode(data.task.maps(logits)[0].cpu().numpy(), how).labels)

    def draw() -> list[Picture]:
        from report.pictures import outlines

        model.eval()
        pictures = []
        for index in spread(range(len(data.val)), FOLLOWED):
            shown = outlines(found := scene(index), tuple(slice(0, side) for side in found.image.shape[:2]))
            title = data.val.samples[index].id
            pictures.append(Picture(title, encode_jpeg(shown, quality=82), *shown.shape[:2]))
        return pictures

    return draw


def middle_of(side: int) -> slice:
    """Returns the middle pixels of a side, at most `MIDDLE`."""
    first = max(0, (side - MIDDLE) // 2)
    return slice(first, min(side, first + MIDDLE))
