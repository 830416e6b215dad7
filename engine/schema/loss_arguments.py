"""Turns a configured loss, and what the data adds to it, into the arguments of `losses.build_loss`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.schema.losses import SECTIONS, ChosenLoss, lacks_class_weights, terms_of
from system.errors import ConfigError
from system.void import VOID


def loss_arguments(loss: ChosenLoss, *, void: bool, weight: Sequence[float] | None = None) -> dict:
    """Returns the arguments of a configured loss, with what the data adds to them.

    Args:
        void: the data has pixels of unknown class. `ignore_index` then becomes 255 where the configuration sets none.
        weight: the weight of each class. It is set where the loss, or a term of it, takes `weight` and has none yet.

    Raises:
        ConfigError: the data has void pixels, and the loss cannot leave them out, or leaves out something else.
    """
    arguments = loss.model_dump(exclude={"class_weights"})
    for number, term in enumerate(terms_of(arguments)):
        if void and "ignore_index" not in term:
            able = ", ".join(name for name, section in SECTIONS.items() if "ignore_index" in section.model_fields)
            raise ConfigError(
                f"the data has void pixels, which {term['name']} cannot leave out; losses that can: {able}"
            )
        if void and term["ignore_index"] not in (None, VOID):
            key = f"loss.terms[{number}].ignore_index" if "terms" in arguments else "loss.ignore_index"
            raise ConfigError(
                f"{key} is {term['ignore_index']}, and the data has void pixels, which are {VOID} in the target: a "
                "loss can leave out one value only. Void pixels are left out without this key, so remove the key; to "
                "leave out a class too, give it the weight 0 (the key weight), or make its pixels void in the files"
            )
        if void:
            term["ignore_index"] = VOID
        if weight is not None and lacks_class_weights(term["name"], term):
            term["weight"] = list(weight)
    del arguments["name"]
    return arguments
