"""A checkpoint holds tensors and plain Python in one sealed file. No other module loads one.

Format 2 is a dict with the keys
    format          2
    config          the complete configuration, as plain Python
    classes         names of the K output channels
    truth           {"palette": …, "void": …} of class maps; older files do not have this key
    reader          how images are read (images.image_reader.ImageReader)
    normalisation   {"mean": […], "std": […]}
    data            digest of the split and of the names and sizes of all files
    samples         what else the first start found in them (datasets.earlier_start); older files do not have this key
    split           digest of the split; older files do not have this key
    statistics      of the training images (images.statistics.table.ImageTable); None or absent in older runs
    epoch           number of epochs that are done
    scores          the newest row of log.csv; None before the first epoch has ended
    history         one dict per epoch: the rows of log.csv
    timing          one dict per epoch: the rows of timing.csv
    progress        the progress of the current epoch (engine.progress.EpochProgress); None between two epochs
    model           the state dict of the network that predicts; with train.ema its weights are averaged
    average         {"updates": number, "trained": state dict with the weights of the newest step}; None without
                    train.ema; older files do not have this key
    optimizer       the optimiser's state dict
    scheduler       {"lr": learning rate of the newest step, "state": the schedule's state dict}
    scaling         the scale of the loss (engine.loss_scaling); None unless in fp16; older files do not have this key
    machine         what else the last bits of a result depend on: torch, device, threads, …
Format 1 had no seal and no data, timing, progress and machine. A training can still start from its weights.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from engine.runs.seal import SealingWriter, has_seal, is_sealed
from system.errors import CheckpointError, first_line
from system.files import atomic_file
from system.regular_file import require_regular

FORMAT = 2
SECTIONS = ("config", "model", "optimizer", "scheduler", "machine")
NEEDED = (*SECTIONS, "classes", "data", "epoch", "history", "timing", "progress")  # a training cannot go on without


class NewerFormatError(CheckpointError):
    """A later version of this project wrote the checkpoint."""


def save_checkpoint(path: Path, state: Mapping[str, object], *, keep: Path | None = None) -> None:
    """Writes `state` and the number of the format, with a seal. The file is written completely or not at all.

    Args:
        keep: the path that the earlier checkpoint at `path` is kept under; None to replace it.

    Raises:
        DiskError: the file cannot be written. An earlier checkpoint is still there, unchanged.
    """
    with atomic_file(path, keep=keep) as file:
        archive = SealingWriter(file.write)
        torch.save({"format": FORMAT, **state}, archive)
        archive.finish()


def load_checkpoint(path: Path, device: torch.device | str = "cpu") -> dict:
    """Reads a checkpoint of a run folder, without executing anything from it.

    Raises:
        CheckpointError: the file is absent, is damaged (its seal is not valid), or has a newer format.
    """
    content = _read(path)
    if not is_sealed(content):
        raise CheckpointError(
            f"{path}: damaged ({len(content):,} bytes without a valid seal), or not a checkpoint of a run; "
            f"to start from weights of another origin or of format 1, use model.weights={path}"
        )
    state = _load(content, path, device)
    if not isinstance(state, dict) or "format" not in state:
        raise CheckpointError(
            f"{path}: not a checkpoint of this project; to start from weights of another origin, use "
            f"model.weights={path}"
        )
    if type(state["format"]) is not int:
        raise CheckpointError(f"{path}: its format is {state['format']!r}, but a whole number is expected")
    if state["format"] > FORMAT:
        raise NewerFormatError(
            f"{path}: it has checkpoint format {state['format']}, but this version reads up to {FORMAT}; update the "
            "project"
        )
    return state


def require_whole(state: Mapping, path: Path) -> None:
    """Raises CheckpointError unless a training can go on from `state`, which was read from `path`."""
    if {"images", "target"} <= state.keys():  # engine.runs.bad_steps
        found = "not a checkpoint of a run, but the record of a step that diverged (diverged.pth)"
        raise CheckpointError(f"{path}: {found}; put the checkpoint back, or train anew with --fresh or name=…")
    if "model" in state and not {"optimizer", "history"} & state.keys():  # engine.runs.ready_model
        raise CheckpointError(
            f"{path}: the weights of a ready model, which have no state of a training; start a new run from them with "
            f"name=… model.weights={path}"
        )
    if missing := [key for key in NEEDED if key not in state]:
        raise incomplete(path, f"it lacks {', '.join(missing)}")
    if wrong := [key for key in SECTIONS if not isinstance(state[key], dict)]:
        raise incomplete(path, f"{', '.join(wrong)} should be a section")
    require_finite(state["model"], path)


def incomplete(path: Path, why: str) -> CheckpointError:
    """Returns the error for a checkpoint whose seal is valid and whose content is not that of a training."""
    advice = "put the checkpoint back, or train anew with --fresh or name=…"
    return CheckpointError(f"{path}: not a whole checkpoint of a run; {why}; {advice}")


def require_finite(weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises CheckpointError if a weight or a statistic of a network is not a finite number; `path` is its file."""
    finite = lambda one: isinstance(one, Tensor) and not one.is_meta and one.isfinite().all()
    broken = [name for name, tensor in weights.items() if not finite(tensor)]
    if broken:
        raise CheckpointError(
            f"{path}: its weights are not finite numbers ({', '.join(broken[:3])}{', …' if broken[3:] else ''}); take "
            "another checkpoint, or train anew with a lower optimizer.lr"
        )


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Reads the weights of a checkpoint of this project, of any format, or of a bare state dict.

    Returns:
        The weights by name, and the other keys of the checkpoint; none for a bare state dict.

    Raises:
        CheckpointError: the file is absent or damaged, or holds something else.
    """
    content = _read(path)
    if has_seal(content) and not is_sealed(content):
        raise CheckpointError(f"{path}: damaged (its seal is not valid); take another checkpoint")
    state, origin = _load(content, path, "cpu"), {}
    if isinstance(state, dict) and "format" in state:
        origin = {key: value for key, value in state.items() if key != "model"}
        state = state.get("model")
    items = state.items() if isinstance(state, dict) else ()
    if not items or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in items):
        raise CheckpointError(f"{path}: holds no weights (a state dict of tensors is expected)")
    prefix = "module."  # of DataParallel
    return {name.removeprefix(prefix): tensor for name, tensor in state.items()}, origin


def seal_of(path: Path) -> str:
    """Returns the seal of the checkpoint at `path`, such as "crc32 88791ac6". Other content has another seal."""
    with path.open("rb") as file:
        file.seek(-14, os.SEEK_END)
        return file.read().decode("ascii", errors="replace")


def _read(path: Path) -> bytes:
    try:
        require_regular(path)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: no such checkpoint") from error
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from error


def _load(content: bytes, path: Path, device: torch.device | str) -> object:
    try:
        if _unpacked_size(content) > len(content):
            raise CheckpointError(f"{path}: it would grow when it is unpacked, but checkpoints are not compressed")
        return torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # the unpickler raises a dozen kinds of errors on damaged files
        reason = first_line(error)
        raise CheckpointError(f"{path}: damaged, or not a file of tensors and plain Python ({reason})") from error


def _unpacked_size(content: bytes) -> int:
    """Returns the number of bytes that the entries of a zip archive claim to have; 0 if `content` is no zip archive.

    The older file format of torch is no zip archive.
    """
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return 0
    with zipfile.ZipFile(file) as archive:
        return sum(entry.file_size for entry in archive.infolist())
