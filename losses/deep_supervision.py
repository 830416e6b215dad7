"""The one place that knows that a network may have several heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DeepSupervisionLoss(nn.Module):
    """The mean of a loss over all heads (Zhou et al. 2018); with a single tensor, the loss itself.

    Call: outputs, a tensor of logits [N, K, *space] or a sequence of them, and a target → scalar.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        if isinstance(outputs, Tensor):
            return self.loss(outputs, target)
        return torch.stack([self.loss(logits, target) for logits in outputs]).mean()

    @staticmethod
    def prediction(outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """The logits that count as the network's answer: the last head's."""
        return outputs if isinstance(outputs, Tensor) else outputs[-1]
