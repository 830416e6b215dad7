"""Configuration → networks."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from datasets.survey import TrainingData
from engine.runs.checkpoint_file import load_weights
from engine.schema.config import Config
from inference.tiling import TiledModel
from models import build_model
from system.seeding import seed_everything


def network(config: Config, data: TrainingData, root: Path, *, resumed: bool = False) -> nn.Module:
    """Builds the network with initial weights from the seed, or with the weights of the file `model.weights`.

    Args:
        resumed: a checkpoint will replace the weights, so `model.weights` need not be read.
    """
    seed_everything(config.seed)
    model = untrained_network(config, len(data.task.channels), data.reader.channels)
    if config.model.weights and not resumed:
        left_out = load_weights(model, root / config.model.weights)
        heads = ", ".join(left_out) or "none"
        print(f"weights {config.model.weights}; left out, because the number of classes differs: {heads}")
    print(f"model   {config.model.name} with {sum(p.numel() for p in model.parameters()):,} parameters")
    return model


def untrained_network(config: Config, outputs: int, channels: int) -> nn.Module:
    """Builds the configured network for these numbers of output and image channels, with random weights."""
    return build_model(
        config.model.name,
        num_classes=outputs,
        input_channels=channels,
        filters=config.model.filters,
        deep_supervision=config.model.deep_supervision,
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
