"""The one place that knows that a network may have several heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DeepSupervisionLoss(nn.Module):
    """The mean of a loss over all heads (Zhou et al. 2018); with a single tensor, the loss itself.

    Attributes:
        term_values: name → value of each term of a weighted sum in the last call, the mean over the heads, detached;
            empty where the loss has a single term.

    Call: outputs, a tensor of logits [N, K, *space] or a sequence of them, and a target → scalar.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.term_values: dict[str, Tensor] = {}

    def forward(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        values, terms = [], []
        for logits in [outputs] if isinstance(outputs, Tensor) else outputs:
            values.append(self.loss(logits.float(), target))
            terms.append(getattr(self.loss, "term_values", {}))
        self.term_values = {name: torch.stack([of[name] for of in terms]).mean() for name in terms[0]}
        return torch.stack(values).mean()

    @staticmethod
    def prediction(outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """The logits that count as the network's answer: the last head's."""
        return (outputs if isinstance(outputs, Tensor) else outputs[-1]).float()
