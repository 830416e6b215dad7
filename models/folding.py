"""For prediction, each batch norm can be folded into the convolution before it."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import nn


def fold_batch_norm(model: nn.Module) -> nn.Module:
    """Returns a copy of `model` without batch norm: its convolutions do the same. The copy is for eval mode only.

    Only batch norm can be folded. Group norm depends on the image, so that it stays where it is.

    In eval mode batch norm computes gain · (x − mean)/√(var + ε) + shift. This is linear, so the convolution before it
    can do the same: its weights are multiplied by gain/√(var + ε), and its bias becomes
    (bias − mean) · gain/√(var + ε) + shift.
    """
    folded = copy.deepcopy(model).eval().requires_grad_(False)
    for module in list(folded.modules()):
        for conv, norm in _pairs(module):
            _fold(module.get_submodule(conv), module.get_submodule(norm))
            setattr(module, norm, nn.Identity())
    return folded


def _pairs(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Yields the names of each convolution in a module and of the batch norm that follows it at once.

    Our blocks and those of torchvision call them conv1 and bn1, conv2 and bn2, …; what torchvision calls `downsample`
    is a sequence of the two.
    """
    children = dict(module.named_children())
    for first, second in [(f"conv{n}", f"bn{n}") for n in (1, 2, 3)] + [("0", "1")]:
        if isinstance(children.get(first), nn.Conv2d) and isinstance(children.get(second), nn.BatchNorm2d):
            yield first, second


@torch.no_grad()
def _fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    # The computation is in float64, so that only the folded weights are rounded.
    if conv.bias is None:
        conv.bias = nn.Parameter(torch.zeros_like(norm.running_mean), requires_grad=False)
    mean, var, gain, shift, bias = (
        t.double() for t in (norm.running_mean, norm.running_var, norm.weight, norm.bias, conv.bias)
    )
    scale = gain / torch.sqrt(var + norm.eps)
    conv.weight.copy_(conv.weight.double() * scale[:, None, None, None])
    conv.bias.copy_((bias - mean) * scale + shift)
