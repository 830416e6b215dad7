"""Losses: (logits [N, K, *space], target) → scalar. All of them take logits, never probabilities.

The target is masks, float [N, K, *space], for one or several sigmoid channels, and class indices, int64 [N, *space],
for softmax. `losses/table.py` says which losses take which; docs/losses.md has the formulas.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence

from losses.signature import keywords_of
from losses.table import COMPOSED, LOSSES
from system.lazy import load

if typing.TYPE_CHECKING:
    from torch import nn


def __getattr__(name: str) -> type[nn.Module]:
    """Python calls this for `losses.DiceLoss` and `from losses import DiceLoss` (PEP 562): it imports the class, and
    torch with it, only where one is asked for, so that `import losses` alone loads no torch."""
    if name in LOSSES or name in COMPOSED:
        return _class_of(name)
    raise AttributeError(f"module 'losses' has no attribute {name!r}")


def _class_of(name: str) -> type[nn.Module]:
    module = COMPOSED[name] if name in COMPOSED else LOSSES[name].module
    return load(f"{module}:{name}")


def build_loss(name: str, **arguments: object) -> nn.Module:
    """Returns the loss called `name`, constructed with `arguments`.

    The name WeightedSumLoss takes `terms`, a list of {"name": …, "factor": 1.0, and the term's arguments}. A loss given
    twice is numbered.

    Raises:
        ValueError: no such loss, or arguments that it cannot take.
    """
    if name == "WeightedSumLoss":
        return _build_sum(**arguments)
    if name not in LOSSES:
        raise ValueError(f"loss {name!r} is unknown; allowed are {', '.join(LOSSES)}")
    return _class_of(name)(**arguments)


def takes_class_weights(name: str) -> bool:
    """Returns whether the loss called `name` has the keyword `weight`, a number per class."""
    return name in LOSSES and "weight" in keywords_of(name)


def lacks_class_weights(name: str, arguments: Mapping[str, object]) -> bool:
    """Returns whether the loss called `name` takes class weights and has none among its arguments."""
    free = arguments.get("weight") is None and arguments.get("per_class", True)
    return bool(free) and takes_class_weights(name)


def _build_sum(terms: Sequence[Mapping[str, object]]) -> nn.Module:
    losses: dict[str, tuple[float, nn.Module]] = {}
    for position, term in enumerate(terms):
        arguments = {key: value for key, value in term.items() if key not in ("name", "factor")}
        earlier = [other["name"] for other in terms[:position]].count(term["name"])
        column = f"{term['name']}_{earlier + 1}" if earlier else term["name"]
        losses[column] = (term.get("factor", 1.0), build_loss(term["name"], **arguments))
    return _class_of("WeightedSumLoss")(losses)


__all__ = [
    "COMPOSED",
    "LOSSES",
    "build_loss",
    "keywords_of",
    "lacks_class_weights",
    "takes_class_weights",
    *LOSSES,
    *COMPOSED,
]
