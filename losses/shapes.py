"""The check that every loss makes of its two inputs."""

from __future__ import annotations

from torch import Tensor


def check_same_shape(logits: Tensor, target: Tensor) -> None:
    """Raises ValueError unless both are [N, K, *space] of one shape."""
    if logits.shape != target.shape or logits.ndim < 3:
        raise ValueError(
            f"logits and target must both be [N, K, *space]; got {list(logits.shape)} and {list(target.shape)}"
        )
