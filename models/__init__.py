"""Networks: images [N, C, H, W] → logits [N, K, H, W]. No network applies a sigmoid or softmax itself."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from models.blocks import FILTERS
from models.folding import fold_batch_norm
from models.nested_unet import NestedUNet, prune
from models.unet import UNet

MODELS: dict[str, type[nn.Module]] = {"UNet": UNet, "NestedUNet": NestedUNet}


def build_model(
    name: str,
    *,
    num_classes: int = 1,
    input_channels: int = 3,
    filters: Sequence[int] = FILTERS,
    deep_supervision: bool = False,
) -> nn.Module:
    """The network called `name`; every network takes the same keywords.

    Raises:
        ValueError: no such network, or deep supervision asked of one that has a single head.
    """
    if name not in MODELS:
        raise ValueError(f"model {name!r} is unknown; allowed are {', '.join(MODELS)}")
    if MODELS[name] is NestedUNet:
        return NestedUNet(num_classes, input_channels, filters, deep_supervision)
    if deep_supervision:
        raise ValueError(f"{name} has one head; deep supervision needs NestedUNet")
    return MODELS[name](num_classes, input_channels, filters)


__all__ = ["MODELS", "NestedUNet", "UNet", "build_model", "fold_batch_norm", "prune"]
