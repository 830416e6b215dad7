"""The mean of a loss over the heads of a network. Nothing else knows that a network may have several heads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class DeepSupervisionLoss(nn.Module):
    """The mean of a loss over all heads (Zhou et al. 2018). A single tensor counts as one head.

    Attributes:
        term_values: name → value of each term of a weighted sum in the last call, the mean over the heads, detached.
            It is empty where the loss is no weighted sum.

    Call: outputs, a tensor of logits [N, K, *space] or a sequence of them, and a target → scalar. The loss is computed
    from the logits as float32, whatever the network computes in.
    """

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.term_values: dict[str, Tensor] = {}

    def forward(self, outputs: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        values, term_values = [], []
        for logits in [outputs] if isinstance(outputs, Tensor) else outputs:
            values.append(self.loss(logits.float(), target))
            term_values.append(getattr(self.loss, "term_values", {}))
        self.term_values = {name: torch.stack([head[name] for head in term_values]).mean() for name in term_values[0]}
        return torch.stack(values).mean()

    @staticmethod
    def prediction(outputs: Tensor | Sequence[Tensor]) -> Tensor:
        """Returns the logits that count as the network's answer, those of the last head, as float32."""
        return (outputs if isinstance(outputs, Tensor) else outputs[-1]).float()
