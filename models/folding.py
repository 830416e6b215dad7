"""Batch norm folded into the convolutions before it, for prediction."""

from __future__ import annotations

import copy

import torch
from torch import nn

from models.blocks import Block


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """A copy of `model`, in eval mode and for it alone, whose blocks are conv → ReLU, twice.

    In eval mode batch norm is gain · (x − mean)/√(var + ε) + shift, which is linear, so the convolution before it
    takes it over: its weights times gain/√(var + ε), its bias likewise.
    """
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for block in folded.modules():
        if isinstance(block, Block):
            for conv, norm in ((block.conv1, "bn1"), (block.conv2, "bn2")):
                _fold(conv, getattr(block, norm))
                setattr(block, norm, nn.Identity())
    return folded


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    # In float64, so that the one rounding left is that of the folded weights.
    mean, var, gain, shift, bias = (
        t.double() for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias, conv.bias)
    )
    scale = gain / torch.sqrt(var + norm.eps)
    conv.weight.copy_(conv.weight.double() * scale[:, None, None, None])
    conv.bias.copy_((bias - mean) * scale + shift)
