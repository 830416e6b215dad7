"""What every loss does with its two inputs before its formula: check them, and bring them to one form."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


def full_precision(logits: Tensor) -> Tensor:
    """float32 for what is less, such as bf16: sums over pixels need it. float64 stays."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits


def check_same_shape(logits: Tensor, target: Tensor) -> None:
    """Raises ValueError unless both are [N, K, *space] of one shape."""
    if logits.shape != target.shape or logits.ndim < 2:
        raise ValueError(
            f"logits and target must both be [N, K, *space]; got {list(logits.shape)} and {list(target.shape)}. "
            f"A target of class indices (task multiclass) needs another loss, such as CrossEntropyLoss or DiceLoss"
        )


def holds_class_indices(logits: Tensor, target: Tensor) -> bool:
    """Whether the target [N, *space] holds class indices (true) or, in the logits' shape, a mask per class (false).

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
    """Raises ValueError where a target on the CPU has an index without a channel; on a GPU that would mean to wait."""
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
    """A target in either form → a mask per class, and where it is void.

    Args:
        logits: [N, K, *space] float.
        target: masks [N, K, *space] in [0, 1], or class indices [N, *space] int64.
        ignore_index: the target's value at void pixels.

    Returns:
        Masks [N, K, *space] of the logits' dtype, 0 where void; and bool, [N, K, *space] or [N, 1, *space], true where
        void, or None without an `ignore_index`.
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


def checked_weight(weight: Sequence[float] | Tensor | None) -> tuple[float, ...] | None:
    """Class weights as plain numbers.

    Raises:
        ValueError: one is negative or no finite number, or all are 0.
    """
    if weight is None:
        return None
    numbers = tuple(float(number) for number in weight)
    if not all(0 <= number < float("inf") for number in numbers) or not any(numbers):
        raise ValueError(f"class weights must be numbers from 0, one of them above it; got {list(numbers)}")
    return numbers


def per_channel(numbers: float | Sequence[float], name: str, logits: Tensor) -> Tensor:
    """One number, or one per channel of the logits [N, K, *space] → a tensor [K] of the logits' dtype and device.

    Raises:
        ValueError: there are neither one nor K of them.
    """
    channels = logits.shape[1]
    if isinstance(numbers, (int, float)):
        numbers = (numbers,) * channels
    if len(numbers) != channels:
        raise ValueError(
            f"{name} has {len(numbers)} numbers and the logits have {channels} channels; give one number per class, "
            f"in the order of the classes"
        )
    return _on_device(tuple(numbers), logits.dtype, logits.device)


@lru_cache(maxsize=256)
def _on_device(numbers: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Kept, because to copy them in every step would mean to wait for a GPU in every step."""
    with torch.inference_mode(False):  # the first to ask may be a scoring pass, the next a training
        return torch.tensor(numbers, dtype=dtype, device=device)


def select_channels(values: Tensor, kept: Sequence[int], *, axis: int) -> Tensor:
    """The channels in `kept` alone; torch's own indexing with a list would copy that to a GPU and wait."""
    return torch.stack([values.select(axis, channel) for channel in kept], dim=axis)


def along_channels(numbers: Tensor, like: Tensor) -> Tensor:
    """[K] → [1, K, 1, …], to be multiplied with [N, K, *space]."""
    return numbers.view(1, -1, *[1] * (like.ndim - 2))
