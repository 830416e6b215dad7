"""Losses: (logits [N, K, *space], target) → scalar. All of them take logits, never probabilities.

The target is a mask per channel, float [N, K, *space], for the tasks binary and multilabel, and class indices, int64
[N, *space], for multiclass. docs/losses.md has the formulas.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence

from torch import nn

from losses.bce_dice import BCEDiceLoss
from losses.cross_entropy import BCEWithLogitsLoss, CrossEntropyLoss
from losses.deep_supervision import DeepSupervisionLoss
from losses.dice import BinaryDiceLoss, CategoricalDiceLoss, DiceLoss, LogDiceLoss, MultiClassDiceLoss
from losses.focal import FocalLoss
from losses.lovasz import LovaszHingeLoss, LovaszSoftmaxLoss
from losses.tversky import FocalTverskyLoss, TverskyLoss
from losses.weighted_sum import WeightedSumLoss

LOSSES: dict[str, type[nn.Module]] = {
    "BCEWithLogitsLoss": BCEWithLogitsLoss,
    "BCEDiceLoss": BCEDiceLoss,
    "LovaszHingeLoss": LovaszHingeLoss,
    "LovaszSoftmaxLoss": LovaszSoftmaxLoss,
    "CrossEntropyLoss": CrossEntropyLoss,
    "FocalLoss": FocalLoss,
    "DiceLoss": DiceLoss,
    "BinaryDiceLoss": BinaryDiceLoss,
    "MultiClassDiceLoss": MultiClassDiceLoss,
    "CategoricalDiceLoss": CategoricalDiceLoss,
    "LogDiceLoss": LogDiceLoss,
    "TverskyLoss": TverskyLoss,
    "FocalTverskyLoss": FocalTverskyLoss,
}


def keywords_of(loss: type[nn.Module]) -> dict[str, object]:
    """Keyword → default of a loss's constructor; a preset's own defaults come before those of its base."""
    defaults: dict[str, object] = {}
    for owner in loss.__mro__:
        if "__init__" not in vars(owner):
            continue
        parameters = inspect.signature(owner).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind is not p.VAR_KEYWORD} | defaults
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            break
    return defaults


def build_loss(name: str, **arguments: object) -> nn.Module:
    """The loss called `name`, constructed with `arguments`.

    The name WeightedSumLoss takes `terms`, a list of {"name": …, "factor": 1.0, and the term's arguments}, and
    optionally `weight`, the class weights of all terms that take them and give none. A loss given twice is numbered.

    Raises:
        ValueError: no such loss, or arguments that it cannot take.
    """
    if name == "WeightedSumLoss":
        return _build_sum(**arguments)
    if name not in LOSSES:
        raise ValueError(f"loss {name!r} is unknown; allowed are {', '.join(LOSSES)}")
    return LOSSES[name](**arguments)


def takes_class_weights(name: str) -> bool:
    """Whether the loss called `name` has the argument `weight`, a number per class."""
    return name in LOSSES and "weight" in keywords_of(LOSSES[name])


def _build_sum(terms: Sequence[Mapping[str, object]], weight: Sequence[float] | None = None) -> WeightedSumLoss:
    losses: dict[str, tuple[float, nn.Module]] = {}
    for position, term in enumerate(terms):
        arguments = {key: value for key, value in term.items() if key not in ("name", "factor")}
        if weight is not None and takes_class_weights(term["name"]) and arguments.get("weight") is None:
            arguments["weight"] = weight
        earlier = [other["name"] for other in terms[:position]].count(term["name"])
        column = f"{term['name']}_{earlier + 1}" if earlier else term["name"]
        losses[column] = (term.get("factor", 1.0), build_loss(term["name"], **arguments))
    return WeightedSumLoss(losses)


__all__ = [
    "LOSSES",
    "BCEDiceLoss",
    "BCEWithLogitsLoss",
    "BinaryDiceLoss",
    "CategoricalDiceLoss",
    "CrossEntropyLoss",
    "DeepSupervisionLoss",
    "DiceLoss",
    "FocalLoss",
    "FocalTverskyLoss",
    "LogDiceLoss",
    "LovaszHingeLoss",
    "LovaszSoftmaxLoss",
    "MultiClassDiceLoss",
    "TverskyLoss",
    "WeightedSumLoss",
    "build_loss",
    "keywords_of",
    "takes_class_weights",
]
