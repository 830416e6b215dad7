"""Run folder or ready model → its trained network, ready to predict and to be scored."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from assemble.cells import decoding
from assemble.data import task_options, task_type
from assemble.networks import scoring_network, untrained_network
from engine.device import choose_runtime
from engine.runs.checkpoint_file import require_finite
from engine.runs.ready_model import WEIGHTS, is_ready_model
from engine.runs.run_folder import RunFolder
from engine.schema.config import Config
from images.image_reader import ImageReader
from images.normalise import Normalisation
from images.statistics.table import ImageTable
from inference.cells.decode_file import NAME, ChosenDecoding, read_decoding
from inference.engines import require_engine
from inference.predictor import Predictor
from inference.symmetries import SymmetricModel
from models import prune
from system.errors import CheckpointError, ConfigError
from system.names import faults_of_classes, shown
from tasks import TASKS
from tasks.task import Task

ROOT = Path(__file__).resolve().parents[1]
LISTED = 10  # runs that a message names


@dataclass(frozen=True)
class SavedRun:
    """An opened run folder or ready model.

    Attributes:
        batch_size: number of images that went through the network at once in the training.
        data: the digest of the data that the run was trained with; see `datasets.fingerprint`.
        split: the digest of the split that the run was trained with; None for runs that are older than this key.
    """

    folder: RunFolder
    config: Config
    predictor: Predictor
    batch_size: int
    data: str | None
    split: str | None


def open_run(
    path: Path | str,
    *,
    device: str | None = None,
    precision: str | None = None,
    depth: int | None = None,
    tta: bool = False,
    engine: str = "torch",
    channels: Sequence[int | str] | None = None,
) -> SavedRun:
    """Opens a run with the network of its `best.pth`, or a ready model.

    Args:
        path: the run folder, such as outputs/demo, or the ready model, such as pretrained/nuclei; see `located`.
        device, precision: replace those that the run was configured with.
        depth: prunes a UNet++ that was trained with deep supervision to 1 … 4 levels below the first; see
            `models.prune`.
        tta: averages over the symmetries of the network's input, see `inference.symmetries`.
        engine: what computes masks and cells, such as torch or openvino; see `inference.engines`.
        channels: numbers (from 0) or names of the channels that are taken from each file, in place of the run's own;
            see `ImageReader.choosing`.

    Raises:
        ConfigError: the network cannot be pruned to this depth, the run's decode.yaml cannot be used, the engine cannot
            compute the run here, or the run does not read so many channels.
        CheckpointError: there is no such run; or its checkpoint is damaged, is incomplete, has weights that are not
            finite numbers, or names classes that no folder can have.
    """
    folder = RunFolder(located(path))
    if not folder.path.is_dir():
        raise CheckpointError(f"{shown(str(path))}: no such run folder; {runs_like(Path(path))}")
    state, name = folder.load("best"), folder.weights.name
    if faults := faults_of_classes(state.get("classes")):
        raise CheckpointError(f"{path}: {name} names classes that no folder can have: {'; '.join(faults)}")
    try:
        config, reader = Config.model_validate(state["config"]), ImageReader.from_dict(state["reader"])
        task = task_type(config)(state["classes"], options=task_options(config))
        model = trained_network(config, task, reader, state["model"], folder.weights)
        normalise, epoch = Normalisation.from_dict(state["normalisation"]), int(state["epoch"])
        batch_size = config.train.micro_batch_size(max(1, int(state.get("machine", {}).get("processes", 1))))
        data, split = state.get("data"), state.get("split")
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:  # pydantic raises a ValueError
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{path}: {name} is not a whole checkpoint of a run ({reason})") from error
    where = choose_runtime(
        device or config.train.device,
        precision or config.train.precision,
        layout=config.with_first_kernels().train.layout,
    )
    require_engine(engine, where)
    reader = reader if channels is None else reader.choosing(channels)
    network = where.place(model if depth is None else pruned(model, depth)).eval()
    predictor = Predictor(
        model=scoring_network(config, SymmetricModel(network, task) if tta else network),
        task=task,
        reader=reader,
        normalise=normalise,
        size=config.data.height_width,
        runtime=where,
        epoch=epoch,
        decoding=chosen_decoding(config, folder.path),
        statistics=ImageTable.from_dict(state.get("statistics")),
        engine=engine,
    )
    return SavedRun(folder, config, predictor, batch_size, data, split)


def trained_network(
    config: Config, task: Task, reader: ImageReader, weights: dict[str, Tensor], path: Path
) -> nn.Module:
    """Returns the network of a run with these weights, which come from the file `path`."""
    model = untrained_network(config, len(task.channels), reader.channels)
    require_finite(weights, path)
    model.load_state_dict(weights)
    return model


def pruned(model: nn.Module, depth: int) -> nn.Module:
    try:
        return prune(model, depth)
    except (TypeError, ValueError) as error:
        raise ConfigError(str(error)) from error


def located(path: Path | str) -> Path:
    """Returns the folder of a run or a ready model.

    A relative path starts in the current folder. If nothing is there, and the folder of this project has a ready model
    under this path, it is that: `pretrained/nuclei` is found from everywhere.
    """
    path = Path(path)
    return ROOT / path if not path.exists() and is_ready_model(ROOT / path) else path


def chosen_decoding(config: Config, run: Path) -> ChosenDecoding | None:
    """Returns how the maps of a run become cells: as its decode.yaml says or, without this file, its configuration."""
    how = decoding(config)
    return how and (read_decoding(run / NAME, TASKS[config.task].methods) or ChosenDecoding(how))


def runs_like(path: Path) -> str:
    """Returns words for a message that nothing is at `path`: the run or ready model of the most similar name, and all.

    Those beside `path`, in outputs/ and in pretrained/ are considered.
    """
    places = [ROOT / "pretrained", Path("outputs"), Path("pretrained"), path.parent]  # of two names the last one counts
    files = [file for place in places for name in ("best.pth", WEIGHTS) for file in place.glob(f"*/{name}")]
    found = {file.parent.resolve(): file.parent for file in files}
    runs = sorted(run.relative_to(ROOT) if run.parent == ROOT / "pretrained" else run for run in found.values())
    close = difflib.get_close_matches(path.name, [run.name for run in runs], n=1)
    hint = "".join(f"did you mean {shown(str(run))}? " for run in runs if close == [run.name])
    more = f" and {len(runs) - LISTED:,} more" if len(runs) > LISTED else ""
    listed = ", ".join(shown(str(run)) for run in runs[:LISTED])
    return f"{hint}there are {listed}{more}" if runs else "no run is beside it; python train.py makes one"
