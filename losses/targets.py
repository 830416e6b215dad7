"""Checks the two inputs of a loss, and brings targets and numbers per class into one form for the formulas."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from losses.rules import check_number_per_channel


def full_precision(logits: Tensor) -> Tensor:
    """Converts float16 and bf16 to float32, which sums over pixels need; float64 stays."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def check_same_shape(logits: Tensor, target: Tensor) -> None:
    """Raises ValueError unless both are [N, K, *space] of one shape."""
    if logits.shape != target.shape or logits.ndim < 2:
        raise ValueError(
            f"logits and target must both be [N, K, *space]; got {list(logits.shape)} and {list(target.shape)}. "
            f"A target of class indices (task multiclass) needs another loss, such as CrossEntropyLoss or DiceLoss"
        )


def holds_class_indices(logits: Tensor, target: Tensor) -> bool:
    """Returns whether the target [N, *space] holds class indices.

    Otherwise it holds a mask per class, in the shape of the logits.

    Raises:
        ValueError: it is neither.
    """
    if target.shape == logits.shape and logits.ndim >= 2:
        return False
    if target.ndim == logits.ndim - 1 and target.shape == (len(logits), *logits.shape[2:]):
        if target.is_floating_point() or target.dtype == torch.bool:
            raise ValueError(f"a target of class indices must be int64; got {target.dtype}. Convert it with .long()")
        if logits.shape[1] < 2:
            raise ValueError(
                "a target of class indices needs a channel per class, the background's among them, and the logits "
                "have one; give a mask of the logits' shape instead (task binary)"
            )
        return True
    raise ValueError(
        f"for logits {list(logits.shape)} the target must be masks of the same shape (tasks binary and multilabel) or "
        f"class indices {[len(logits), *logits.shape[2:]]} (task multiclass); got {list(target.shape)}"
    )


def check_class_indices(target: Tensor, channels: int, ignore_index: int | None) -> None:
    """Raises ValueError if a target on the CPU has an index without a channel. On a GPU the check would be a wait."""
    if target.device.type != "cpu" or not target.numel():
        return
    wrong = (target < 0) | (target >= channels)
    if ignore_index is not None:
        wrong &= target != ignore_index
    if wrong.any():
        values = target[wrong].unique()[:5].tolist()
        raise ValueError(
            f"{int(wrong.sum())} pixels of the target have class indices without a channel ({values} …); allowed are "
            f"0 to {channels - 1}. Set ignore_index to the value of void pixels, or give the network more classes"
        )


def masks_of(logits: Tensor, target: Tensor, ignore_index: int | None) -> tuple[Tensor, Tensor | None]:
    """Turns a target of either form into a mask per class, and says which pixels are void.

    Args:
        logits: [N, K, *space] float.
        target: masks [N, K, *space] in [0, 1], or class indices [N, *space] int64.
        ignore_index: the target's value at void pixels.

    Returns:
        The masks, [N, K, *space] of the logits' dtype and 0 at void pixels; and bool [N, K, *space] or [N, 1, *space],
        true at void pixels, or None without an `ignore_index`.
    """
    indices = holds_class_indices(logits, target)
    if indices:
        check_class_indices(target, logits.shape[1], ignore_index)
        target = target.unsqueeze(1)
    void = None if ignore_index is None else target == ignore_index
    if void is not None:
        target = target.masked_fill(void, 0)
    if not indices:
        return target.to(logits.dtype), void
    masks = torch.zeros_like(logits).scatter_(1, target.long(), 1)
    return (masks if void is None else masks.masked_fill(void, 0)), void


def per_channel(numbers: float | Sequence[float], name: str, logits: Tensor) -> Tensor:
    """Returns the numbers as a tensor [K] of the dtype and device of the logits [N, K, *space]; one number is repeated.

    Raises:
        ValueError: it is a list of another length than K.
    """
    channels = logits.shape[1]
    if isinstance(numbers, (int, float)):
        numbers = (numbers,) * channels
    check_number_per_channel(name, numbers, channels)
    return _on_device(tuple(numbers), logits.dtype, logits.device)


@lru_cache(maxsize=256)
def _on_device(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Keeps the tensors, because a copy in every step would be a wait for the GPU in every step."""
    with torch.inference_mode(False):  # the first caller may be a scoring pass, and the next one a training
        return torch.tensor(numbers, dtype=dtype, device=device)


def select_channels(values: Tensor, kept: Sequence[int], *, axis: int) -> Tensor:
    """Returns the channels in `kept`. Indexing a tensor with a list would copy the list to the GPU and wait for it."""
    return torch.stack([values.select(axis, channel) for channel in kept], dim=axis)


def along_channels(numbers: Tensor, like: Tensor) -> Tensor:
    """Reshapes [K] to [1, K, 1, …], so that it can be multiplied with [N, K, *space]."""
    return numbers.view(1, -1, *[1] * (like.ndim - 2))
