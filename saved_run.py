"""Opens a run folder and returns its trained network, ready to predict.

from saved_run import load_run
predictor = load_run("outputs/demo")
masks = predictor(image)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assemble import scoring_network, task_options, task_type, untrained_network
from engine.device import choose_runtime
from engine.runs.run_folder import RunFolder
from engine.schema.config import Config
from images.image_reader import ImageReader
from images.normalise import Normalisation
from inference.predictor import Predictor
from models import prune
from system.errors import CheckpointError, ConfigError
from system.names import faults_of_classes


@dataclass(frozen=True)
class SavedRun:
    """An opened run folder.

    Attributes:
        batch_size: number of images that went through the network at once in the training.
    """

    folder: RunFolder
    config: Config
    predictor: Predictor
    batch_size: int


def load_run(
    path: Path | str, *, device: str | None = None, precision: str | None = None, depth: int | None = None
) -> Predictor:
    """Loads the `best.pth` of a run, ready to predict. Arguments and errors are those of `open_run`."""
    return open_run(path, device=device, precision=precision, depth=depth).predictor


def open_run(
    path: Path | str, *, device: str | None = None, precision: str | None = None, depth: int | None = None
) -> SavedRun:
    """Opens a run with the network of its `best.pth`.

    Args:
        path: the run folder, such as outputs/demo.
        device, precision: replace those that the run was configured with.
        depth: prunes a UNet++ that was trained with deep supervision to 1 … 4 levels below the first; see
            `models.prune`.

    Raises:
        ConfigError: the network cannot be pruned to this depth.
        CheckpointError: there is no such run; or its checkpoint is damaged, is incomplete, or names classes that no
            folder can have.
    """
    folder = RunFolder(Path(path))
    state = folder.load("best")
    if faults := faults_of_classes(state.get("classes")):
        raise CheckpointError(f"{path}: best.pth names classes that no folder can have: {'; '.join(faults)}")
    try:
        config = Config.model_validate(state["config"])
        reader = ImageReader.from_dict(state["reader"])
        task = task_type(config)(state["classes"], options=task_options(config))
        model = untrained_network(config, len(task.channels), reader.channels)
        model.load_state_dict(state["model"])
        normalise, epoch = Normalisation.from_dict(state["normalisation"]), int(state["epoch"])
        batch_size = config.train.micro_batch_size(max(1, int(state["machine"].get("processes", 1))))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:  # pydantic raises a ValueError
        reason = " ".join(str(error).split())[:200]
        raise CheckpointError(f"{path}: best.pth is not a whole checkpoint of a run ({reason})") from error
    where = choose_runtime(device or config.train.device, precision or config.train.precision)
    if depth is not None:
        try:
            model = prune(model, depth)
        except (TypeError, ValueError) as error:
            raise ConfigError(str(error)) from error
    predictor = Predictor(
        model=scoring_network(config, where.place(model).eval()),
        task=task,
        reader=reader,
        normalise=normalise,
        size=config.data.height_width,
        runtime=where,
        epoch=epoch,
    )
    return SavedRun(folder, config, predictor, batch_size)
