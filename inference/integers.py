"""Convolutions in integers of 8 bits, for OpenVINO. The norms of a network say their ranges, so it needs no image."""

from __future__ import annotations

import copy
import typing
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

if typing.TYPE_CHECKING:
    import openvino

# What a norm returns lies within so many standard deviations. On the Data Science Bowl 6 cut off bright nuclei in some
# tiles, and 12 was less exact everywhere else.
DEVIATIONS = 8.0
ACTIVATIONS, WEIGHTS = 256, 255  # steps; those of the weights are symmetric

Ranges = Mapping[str, tuple[float, float]]  # name of a convolution → the lowest and the highest value of its input


class _Bound(nn.Module):
    """Stands for a norm, and returns the highest value that the norm would return, whatever the input is."""

    def __init__(self, norm: nn.BatchNorm2d | nn.GroupNorm) -> None:
        super().__init__()
        self._highest = (norm.bias + DEVIATIONS * norm.weight.abs())[None, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        return self._highest.expand(x.shape).clone()


@torch.no_grad()
def ranges_of(network: nn.Module, darkest: Tensor, brightest: Tensor) -> dict[str, tuple[float, float]]:
    """Returns the range of the input of each convolution.

    In each channel a norm returns values with the mean β and the standard deviation |γ|, its shift and its gain. So
    β + 8 |γ| is taken for its highest value (Nagel et al. 2019, "Data-Free Quantization", section 4.2, with 6).
    Activations, pooling, up-sampling, sums and joined channels pass such bounds on by themselves.

    Args:
        network: before its norms are folded.
        darkest, brightest: [C, h, w] float32, the lowest and the highest image that the network can see.
    """
    probe, found = copy.deepcopy(network).eval(), {}
    for module in list(probe.modules()):
        for name, norm in list(module.named_children()):
            if isinstance(norm, nn.BatchNorm2d | nn.GroupNorm):
                setattr(module, name, _Bound(norm))
    for name, module in probe.named_modules():
        if isinstance(module, nn.Conv2d):
            keep = lambda _, given, name=name: found.update({name: (float(given[0].min()), float(given[0].max()))})
            module.register_forward_pre_hook(keep)
    with torch.autocast("cpu", enabled=False):
        probe(torch.stack([darkest, brightest]))
    return {name: (min(lowest, 0.0), highest) for name, (lowest, highest) in found.items()}


def compute_in_integers(model: openvino.Model, network: nn.Module, ranges: Ranges) -> None:
    """Lets OpenVINO compute the convolutions of a translated network in integers of 8 bits, by changing `model`.

    Each result is rounded where it is made, and not where it is read. So it stays in integers while it is joined with
    others, if all of these have the same steps. docs/results.md says what this gains.

    Args:
        model: what OpenVINO made of `network`, with equal weights.
        network: gives the names that the ranges have.
        ranges: of the inputs; values outside of them become the nearest inside.
    """
    limits = {
        convolution.weight.detach().cpu().numpy().tobytes(): ranges[name]
        for name, convolution in network.named_modules()
        if isinstance(convolution, nn.Conv2d)
    }
    groups: list[_Group] = []
    for node in model.get_ordered_ops():
        if node.get_type_name() != "Convolution":
            continue
        values = _constant(node).get_data()
        largest = np.abs(values).max((1, 2, 3), keepdims=True).clip(min=1e-12)
        _round(node.input_value(1), -largest, largest, WEIGHTS)
        lowest, highest = limits[values.astype(np.float32).tobytes()]
        groups = _merged(groups, _Group(_sources(node.input_value(0)), lowest, highest))
    for group in groups:
        for source in group.sources.values():
            _round(source, np.asarray(group.lowest), np.asarray(group.highest), ACTIVATIONS)


@dataclass(frozen=True)
class _Group:
    """Results that are joined with each other somewhere, and the range that all of them get."""

    sources: dict[str, openvino.Output]  # name of the node that makes it → the result
    lowest: float
    highest: float


def _merged(groups: list[_Group], new: _Group) -> list[_Group]:
    """Returns the groups with a further one. Those that share a result with it become one group with it."""
    apart = []
    for group in groups:
        if group.sources.keys() & new.sources.keys():
            lowest, highest = min(group.lowest, new.lowest), max(group.highest, new.highest)
            new = _Group(group.sources | new.sources, lowest, highest)
        else:
            apart.append(group)
    return [*apart, new]


def _sources(values: openvino.Output) -> dict[str, openvino.Output]:
    """Returns the results whose values `values` has, joined or pooled: name of the node that makes one → it."""
    node = values.get_node()
    if node.get_type_name() not in ("Concat", "MaxPool"):
        return {node.get_name(): values}
    return {name: source for given in node.input_values() for name, source in _sources(given).items()}


def _round(values: openvino.Output, lowest: np.ndarray, highest: np.ndarray, steps: int) -> None:
    """Lets all that read `values` read them rounded to so many steps between two ends, which fit their shape."""
    from openvino import opset13 as nodes

    readers = values.get_target_inputs()
    ends = [nodes.constant(end.astype(np.float32)) for end in (lowest, highest)]
    rounded = nodes.fake_quantize(values, *ends, *ends, steps).output(0)
    for reader in readers:
        reader.replace_source_output(rounded)


def _constant(convolution: openvino.Node) -> openvino.Node:
    """Returns the node that holds the weights of a convolution."""
    node = convolution.input_value(1).get_node()
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return node
