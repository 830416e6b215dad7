"""A moving average of the weights of a network, which predicts better than the weights of any single step."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn


class WeightAverage:
    """Keeps a network whose weights are the exponential moving average of those of another one.

    After each step, average ← decay · average + (1 − decay) · weight. The running statistics of batch norm are averaged
    in the same way, because they belong to the weights; whole numbers are copied. In the first steps the decay is
    smaller, (1 + n) / (10 + n) after n updates, so that the random initial weights are soon forgotten (as in
    TensorFlow's ExponentialMovingAverage).

    Attributes:
        network: the averaged network, on the device of the other one.
        updates: number of updates so far.

    Args:
        model: the network that is trained; its weights are those of the average before the first update.
        decay: between 0 and 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Moves the average towards the weights of `model`, which has the names of the averaged network."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        own, new = self.network.state_dict(), model.state_dict()
        averaged = [name for name, tensor in own.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([own[name] for name in averaged], [new[name] for name in averaged], 1 - decay)
        for name in own.keys() - set(averaged):
            own[name].copy_(new[name])
        self.updates += 1

    def load(self, weights: Mapping[str, torch.Tensor], updates: int) -> None:
        """Continues from the averaged weights after so many updates."""
        self.network.load_state_dict(weights)
        self.updates = updates
