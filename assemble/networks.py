"""Configuration → networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from datasets.survey import TrainingData
from engine.runs.checkpoint_file import read_weights
from engine.runs.ready_model import weights_of
from engine.runs.starting_weights import load_encoder_weights, load_weights
from engine.schema.config import Config
from inference.tiling import TiledModel
from models import build_model, downloaded_weights
from system.seeding import seed_everything
from tasks import load_task
from tasks.heads import fitting_outputs
from tasks.task import Task

IMAGENET = "imagenet"  # the value of model.encoder_weights that is no file


def network(config: Config, data: TrainingData, root: Path, *, resumed: bool = False) -> nn.Module:
    """Builds the network with initial weights from the seed, or with those of the file or folder `model.weights`.

    Args:
        resumed: a checkpoint will replace the weights, so `model.weights` need not be read.
    """
    seed_everything(config.seed)
    model = untrained_network(config, len(data.task.channels), data.reader.channels)
    given = config.model.encoder_weights
    if given and not resumed and not config.model.weights:  # those replace the encoder's
        tensors = downloaded_weights(config.model.encoder) if given == IMAGENET else read_weights(root / given)[0]
        print("\n        ".join([f"encoder {given}", *load_encoder_weights(model.encoder, tensors, given)]))
    if config.model.weights and not resumed:
        path = weights_of(root / config.model.weights)
        adapted = load_weights(model, path, lambda origin: outputs_of(origin, data.task))
        print("\n        ".join([f"weights {config.model.weights}", *(adapted or ["all are taken as they are"])]))
    print(f"model   {config.model.name} with {sum(p.numel() for p in model.parameters()):,} parameters")
    return model


def outputs_of(origin: Mapping, task: Task) -> dict[str, int | None] | None:
    """Finds which outputs of a checkpoint fit the task, see `fitting_outputs`; None if the file does not say its task.

    Args:
        origin: the checkpoint, without its weights.
    """
    try:
        given = load_task(origin["config"]["task"])(origin["classes"])
        return fitting_outputs(task, given)
    except (KeyError, TypeError):  # from elsewhere, or of an earlier version
        return None


def untrained_network(config: Config, outputs: int, channels: int) -> nn.Module:
    """Builds the configured network for these numbers of output and image channels, with random weights."""
    return build_model(
        config.model.name,
        num_classes=outputs,
        input_channels=channels,
        filters=config.model.filters,
        deep_supervision=config.model.deep_supervision,
        norm=config.model.norm,
        encoder=config.model.encoder,
    )


def scoring_network(config: Config, model: nn.Module, *, training: bool = False) -> nn.Module:
    """Returns the network that whole images go through: `model` itself with `data.size`, tiles with `data.crop`.

    Args:
        training: whether a training validates with it; `config` is then what `resolved` returned.
    """
    tile = config.data.tile
    if tile is None:
        return model
    return TiledModel(model, tile=tile, overlap=config.data.val_overlap if training else config.data.tile_overlap)
