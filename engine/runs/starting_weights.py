"""A training may start from weights that exist (`model.weights`). They are adapted to the channels of its images, and
to the meanings of its outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from engine.runs.checkpoint_file import read_weights, require_finite
from system.errors import CheckpointError, first_line

Rows = Mapping[str, int | None]  # the meaning of each output → the output of the file that has it, from 0


def load_weights(model: nn.Module, path: Path, rows_of: Callable[[Mapping], Rows | None] | None = None) -> list[str]:
    """Loads weights into `model`, from a checkpoint of this project or from a bare state dict with the same names.

    If the images have another number of channels than those of the file, the first convolution is adapted, see
    `adapted_convolution`. Of the heads (`final…`), those outputs are taken whose meaning fits; the others keep their
    initial weights.

    Args:
        rows_of: is called with the checkpoint (an empty dictionary for a bare state dict), and returns which outputs
            fit; or None if the meanings are not known. Without it, or without meanings, a head is taken if it has the
            same number of outputs, and left out otherwise.

    Returns:
        Sentences about what was adapted and what was left out; none if everything was taken as it is.

    Raises:
        CheckpointError: the file is absent or damaged, or its weights have another architecture or width, or they are
            not finite numbers.
    """
    tensors, origin = read_weights(path)
    own = model.state_dict()
    _require_names(own, tensors, path, type(model).__name__)
    taken, sentences, of_image = {}, [], getattr(model, "image_convolutions", ())
    rows = rows_of(origin) if rows_of else None
    heads = [name for name in own if _is_head(name, own, tensors)]
    if rows and any(source is not None and source >= len(tensors[name]) for source in rows.values() for name in heads):
        rows = None  # the file says another task than its heads have outputs for
    for name, tensor in own.items():
        given = tensors[name]
        if name in heads:
            taken[name] = _rows(tensor, given, rows)
        elif name in of_image and _same_but(given, tensor, axis=1):
            taken[name] = adapted_convolution(given, tensor.shape[1])
            sentences += _about_channels(name, given.shape[1], tensor.shape[1])
        elif given.shape != tensor.shape:
            raise CheckpointError(
                f"{path}: {name} has the shape {list(given.shape)}, in this network {list(tensor.shape)}; "
                "set model.filters to match the file, or leave the section model out and set only model.weights"
            )
        else:
            taken[name] = given
    sentences += _about_heads(heads, own, tensors, rows)
    try:
        model.load_state_dict(taken)
    except RuntimeError as error:
        raise CheckpointError(f"{path}: its tensors cannot be used ({first_line(error)})") from error
    require_finite(model.state_dict(), path)
    return sentences


def load_encoder_weights(encoder: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> list[str]:
    """Loads weights into the encoder of a network. Those of a classifier (`fc…`) and of deeper levels are passed over.

    Args:
        encoder: see `models.encoders`.
        tensors: with the names of torchvision, or those of a whole network of this project, which begin with `encoder.`
        origin: how messages call the file.

    Returns:
        Sentences about what was adapted.

    Raises:
        CheckpointError: tensors are missing, have another shape, or are not finite numbers.
    """
    prefix, own = "encoder.", encoder.state_dict()
    if any(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
    if missing := sorted(own.keys() - tensors.keys()):
        raise CheckpointError(f"{origin}: no weights of this encoder; {len(missing)} tensors are missing {missing[:2]}")
    first = "conv1.weight"
    taken = {name: tensors[name] for name in own}
    if _same_but(taken[first], own[first], axis=1):
        taken[first] = adapted_convolution(taken[first], own[first].shape[1])
    for name, tensor in own.items():
        if taken[name].shape != tensor.shape:
            shapes = f"{list(taken[name].shape)}, in this encoder {list(tensor.shape)}"
            raise CheckpointError(f"{origin}: {name} has the shape {shapes}; set model.encoder to match the file")
    require_finite(taken, Path(origin))
    encoder.load_state_dict(taken)
    return _about_channels(first, tensors[first].shape[1], own[first].shape[1])


def _about_channels(name: str, there: int, here: int) -> list[str]:
    """Returns a sentence about the channels of images; none if they are the same."""
    if there == here:
        return []
    return [
        f"{name}: images of {there} channels there, {here} here; each channel gets the sum of the weights over those "
        f"channels, divided by {here}"
    ]


def adapted_convolution(weight: Tensor, channels: int) -> Tensor:
    """Adapts the weights of a convolution to images of another number of channels.

    Each channel gets the sum over the channels of `weight`, divided by `channels`. So an image whose channels are all
    equal gives the same answer as an image of equal channels gave before: grey images answer as the same images read
    as RGB, and several stains answer as their mean.

    Args:
        weight: [F, C, h, w] float.
        channels: of the images.

    Returns:
        [F, channels, h, w]; `weight` itself if C = channels.
    """
    if weight.shape[1] == channels:
        return weight
    mean = weight.double().sum(dim=1, keepdim=True) / channels
    return mean.expand(-1, channels, -1, -1).to(torch.float32)


def _require_names(own: Mapping, given: Mapping, path: Path, network: str) -> None:
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    if missing or unknown:
        raise CheckpointError(
            f"{path}: weights of another network than {network}: {len(missing)} tensors are missing "
            f"{missing[:2]}, {len(unknown)} are unknown {unknown[:2]}; set model.name, model.encoder, model.norm and "
            "model.deep_supervision to match the file"
        )


def _is_head(name: str, own: Mapping, given: Mapping) -> bool:
    """Returns whether a tensor belongs to a head which takes the same features as that of the file."""
    return name.startswith("final") and own[name].shape[1:] == given[name].shape[1:]


def _same_but(a: Tensor, b: Tensor, *, axis: int) -> bool:
    """Returns whether two weights of convolutions have the same shape on all axes but one."""
    rest = [one for one in range(4) if one != axis]
    return a.ndim == b.ndim == 4 and all(a.shape[one] == b.shape[one] for one in rest)


def _rows(own: Tensor, given: Tensor, rows: Rows | None) -> Tensor:
    """Returns a tensor of a head: the rows of `given` that fit, and those of `own` where none fits."""
    if rows is None:
        return given if own.shape == given.shape else own
    new = own.clone()
    for row, source in enumerate(rows.values()):
        if source is not None:
            new[row] = given[source]
    return new


def _about_heads(heads: Sequence[str], own: Mapping, given: Mapping, rows: Rows | None) -> list[str]:
    """Returns a sentence about the outputs that are left out; none if all are taken in their order."""
    names = ", ".join(heads)
    if rows is None:
        differ = any(own[name].shape != given[name].shape for name in heads)
        return [f"{names}: left out, because the number of outputs differs"] if differ else []
    if not heads or list(rows.values()) == list(range(given[heads[0]].shape[0])):
        return []
    taken = [meaning for meaning, source in rows.items() if source is not None]
    fresh = [meaning for meaning, source in rows.items() if source is None]
    parts = [f"taken for {', '.join(taken)}"] * bool(taken) + [f"begins anew for {', '.join(fresh)}"] * bool(fresh)
    return [f"{names}: {'; '.join(parts)}"]
