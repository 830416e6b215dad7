"""The normalisations that the blocks of a network can have."""

from __future__ import annotations

from torch import nn

from models.batch_norm import BatchNorm2d

MOST_GROUPS, LEAST_CHANNELS = 32, 4


def norm_of(kind: str, channels: int) -> nn.Module:
    """Builds the normalisation `batch` or `group` for [N, channels, H, W].

    Group normalisation (Wu and He 2018) uses each image by itself, so that it is the same in training and prediction
    and does not depend on the size of a batch. It has at most 32 groups, as in the paper, of at least 4 channels; all
    groups have equally many.

    Raises:
        ValueError: there is no such normalisation.
    """
    if kind == "batch":
        return BatchNorm2d(channels)
    if kind == "group":
        most = max(1, min(MOST_GROUPS, channels // LEAST_CHANNELS))
        groups = next(count for count in range(most, 0, -1) if channels % count == 0)
        return nn.GroupNorm(groups, channels)
    raise ValueError(f"norm {kind!r} is unknown; allowed are batch and group")
