"""A ready model: a folder with the weights of a run, and with nothing that only a training needs.

weights.pth   a sealed checkpoint (engine.runs.checkpoint_file) with the keys of `KEPT`
config.yaml   the complete configuration of the training
decode.yaml   how maps become cells, if this was tuned; see inference.cells.decode_file
MODEL.md      the model card, see inference.model_card.card
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.runs.checkpoint_file import require_finite, save_checkpoint
from system.errors import CheckpointError

WEIGHTS = "weights.pth"
KEPT = ("config", "classes", "truth", "reader", "normalisation", "data", "split", "statistics", "epoch", "model")
LARGEST_HALF = torch.finfo(torch.float16).max


def is_ready_model(folder: Path) -> bool:
    """Returns whether a folder is a ready model: it has weights.pth, which no run has."""
    return (folder / WEIGHTS).exists()


def weights_of(path: Path) -> Path:
    """Returns the file with the weights: that of a ready model, or best.pth of a run; `path` itself if it is a file."""
    if not path.is_dir():
        return path
    return path / (WEIGHTS if is_ready_model(path) else "best.pth")


def write_ready_weights(folder: Path, state: Mapping, *, half: bool = False) -> Path:
    """Writes weights.pth of a ready model, and returns its path.

    Args:
        state: a checkpoint; only its keys of `KEPT` are written.
        half: store the weights of the convolutions as float16. Biases and the statistics of batch norm stay float32,
            because a variance may be smaller than any float16, and because they take little room.

    Raises:
        CheckpointError: weights are not finite numbers, or too large for float16.
        DiskError: the file cannot be written.
    """
    path = folder / WEIGHTS
    kept = {key: state[key] for key in KEPT if key in state}
    require_finite(kept["model"], path)
    kept["model"] = {name: _stored(tensor, name, half=half) for name, tensor in kept["model"].items()}
    save_checkpoint(path, kept)
    return path


def _stored(tensor: Tensor, name: str, *, half: bool) -> Tensor:
    """Returns one tensor of a network as it is stored, in memory of its own."""
    if not half or tensor.ndim < 2 or not tensor.is_floating_point():
        return tensor.clone()
    if tensor.abs().max() > LARGEST_HALF:
        raise CheckpointError(f"{name}: {tensor.abs().max():.3g} is too large for float16; publish in float32")
    return tensor.half()
