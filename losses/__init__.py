"""Losses: (logits [N, K, *space], target [N, K, *space]) → scalar. All of them take logits, never probabilities."""

from __future__ import annotations

from torch import nn
from torch.nn import BCEWithLogitsLoss

from losses.bce_dice import BCEDiceLoss
from losses.cross_entropy import CrossEntropyLoss
from losses.deep_supervision import DeepSupervisionLoss
from losses.lovasz import LovaszHingeLoss

LOSSES: dict[str, type[nn.Module]] = {
    "BCEWithLogitsLoss": BCEWithLogitsLoss,
    "BCEDiceLoss": BCEDiceLoss,
    "CrossEntropyLoss": CrossEntropyLoss,
    "LovaszHingeLoss": LovaszHingeLoss,
}


def build_loss(name: str, **arguments: object) -> nn.Module:
    """The loss called `name`, constructed with `arguments`.

    Raises:
        ValueError: no such loss.
    """
    if name not in LOSSES:
        raise ValueError(f"loss {name!r} is unknown; allowed are {', '.join(LOSSES)}")
    return LOSSES[name](**arguments)


__all__ = [
    "LOSSES",
    "BCEDiceLoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "DeepSupervisionLoss",
    "LovaszHingeLoss",
    "build_loss",
]
