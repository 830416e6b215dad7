"""Checkpoints: tensors and plain Python in one file; the only place that loads one.

Format 1 is a dict with the keys
    format          1
    config          the complete configuration, as plain Python
    classes         names of the K output channels
    reader          how images are read (datasets.image_reader.ImageReader)
    normalisation   {"mean": […], "std": […]}
    epoch           epochs done
    scores          this epoch's row of log.csv
    history         one dict per epoch: the rows of log.csv
    model           the network's state dict
    optimizer       the optimiser's state dict
    scheduler       the schedule's state dict
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.errors import CheckpointError
from engine.files import write_bytes

FORMAT = 1


def save_checkpoint(path: Path, state: Mapping[str, object]) -> None:
    """Writes `state` with the format's number; the file is there whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    write_bytes(path, buffer.getvalue())


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict:
    """Reads a checkpoint that this project wrote, without executing anything from it.

    Raises:
        CheckpointError: absent, damaged, not one of ours, or of a newer format.
    """
    state = _load(path, device)
    if not isinstance(state, dict) or "format" not in state:
        raise CheckpointError(f"{path}: not a checkpoint of this project; weights from elsewhere: model.weights={path}")
    if state["format"] > FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {state['format']}, this version reads up to {FORMAT}; update the project"
        )
    return state


def load_weights(model: nn.Module, path: Path) -> list[str]:
    """Starts `model` from a checkpoint of this project or from a bare state dict of the same names.

    Returns:
        The names of head tensors (`final…`) left as they were because the file's have another class count.

    Raises:
        CheckpointError: absent, damaged, or of another architecture or width.
    """
    state = _load(path, "cpu")
    if isinstance(state, dict) and "format" in state:
        state = state["model"]
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()) or not state:
        raise CheckpointError(f"{path}: holds no weights (a state dict of tensors is expected)")
    given = {name.removeprefix("module."): tensor for name, tensor in state.items()}  # DataParallel's prefix
    own = model.state_dict()
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing or unknown:
        raise CheckpointError(
            f"{path}: weights of another network than {type(model).__name__}: {len(missing)} tensors are missing "
            f"{missing[:2]}, {len(unknown)} are unknown {unknown[:2]}; set model.name, model.deep_supervision to match"
        )
    differing = [name for name in own if own[name].shape != given[name].shape]
    heads = [name for name in differing if name.startswith("final") and own[name].shape[1:] == given[name].shape[1:]]
    if differing != heads:
        name = next(name for name in differing if name not in heads)
        raise CheckpointError(
            f"{path}: {name} has the shape {list(given[name].shape)}, this network's {list(own[name].shape)}; "
            "set model.filters and the number of image channels to match"
        )
    model.load_state_dict({name: given[name] for name in own if name not in heads}, strict=False)
    return heads


def _load(path: Path, device: torch.device | str) -> object:
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(f"{path}: damaged, or not a file of tensors and plain Python ({reason})") from error
