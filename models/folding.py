"""For prediction, each batch norm can be folded into the convolution before it."""

from __future__ import annotations

import copy

import torch
from torch import nn

from models.blocks import Block


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Returns a copy of `model` whose blocks are conv → ReLU, twice. The copy is for eval mode only.

    Only batch norm can be folded. Group norm depends on the image, so that it stays where it is.

    In eval mode batch norm computes gain · (x − mean)/√(var + ε) + shift. This is linear, so the convolution before it
    can do the same: its weights are multiplied by gain/√(var + ε), and its bias becomes
    (bias − mean) · gain/√(var + ε) + shift.
    """
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for block in folded.modules():
        if isinstance(block, Block):
            for conv, norm in ((block.conv1, "bn1"), (block.conv2, "bn2")):
                if isinstance(getattr(block, norm), nn.modules.batchnorm._BatchNorm):
                    _fold(conv, getattr(block, norm))
                    setattr(block, norm, nn.Identity())
    return folded


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    # The computation is in float64, so that only the folded weights are rounded.
    mean, var, gain, shift, bias = (
        t.double() for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias, conv.bias)
    )
    scale = gain / torch.sqrt(var + norm.eps)
    conv.weight.copy_(conv.weight.double() * scale[:, None, None, None])
    conv.bias.copy_((bias - mean) * scale + shift)
