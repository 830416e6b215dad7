"""The one place that knows that a network may have several heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DeepSupervisionLoss(nn.Module):
    """The mean of a loss over all heads (Zhou et al. 2018); with a single tensor, the loss itself.

    Attributes:
        parts: name → value of each term of a weighted sum in the last call, the mean over the heads, detached; empty
            where the loss has a single term.

    Call: outputs, a tensor of logits [N, K, *space] or a sequence of them, and a target → scalar.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.parts: dict[str, Tensor] = {}

    def forward(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        values, parts = [], []
        for logits in [outputs] if isinstance(outputs, Tensor) else outputs:
            values.append(self.loss(logits, target))
            parts.append(getattr(self.loss, "parts", {}))
        self.parts = {name: torch.stack([part[name] for part in parts]).mean() for name in parts[0]}
        return torch.stack(values).mean()

    @staticmethod
    def prediction(outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """The logits that count as the network's answer: the last head's."""
        return outputs if isinstance(outputs, Tensor) else outputs[-1]
