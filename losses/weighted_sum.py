"""Weighted sums of losses."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class WeightedSumLoss(nn.Module):
    """Σ factor · term.

    Args:
        terms: name → (factor, loss).

    Attributes:
        term_values: name → the term's value in the last call, before its factor; a detached scalar on the device.

    Call: logits and a target that every term takes → scalar.
    """

    def __init__(self, terms: Mapping[str, tuple[float, nn.Module]]) -> None:
        super().__init__()
        if not terms:
            raise ValueError("a sum of losses needs at least one term; got none")
        self.factors = {name: factor for name, (factor, _) in terms.items()}
        self.terms = nn.ModuleDict({name: loss for name, (_, loss) in terms.items()})
        self.term_values: dict[str, Tensor] = {}

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        values = {name: loss(logits, target) for name, loss in self.terms.items()}
        self.term_values = {name: value.detach() for name, value in values.items()}
        return sum(self.factors[name] * value for name, value in values.items())
