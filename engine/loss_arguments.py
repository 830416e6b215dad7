"""A configured loss and what the data adds to it → the arguments of `losses.build_loss`."""

from __future__ import annotations

from collections.abc import Sequence

from engine.schema.losses import SECTIONS, ChosenLoss, has_free_weight, parts_of
from system.errors import ConfigError
from system.void import VOID


def loss_arguments(loss: ChosenLoss, *, void: bool, weight: Sequence[float] | None = None) -> dict:
    """The arguments of a configured loss, with what the data adds to them.

    Args:
        void: the data has pixels of unknown class: `ignore_index` becomes 255.
        weight: of each class, for the loss or all terms that take it and give none.

    Raises:
        ConfigError: void pixels, and a loss that cannot leave them out.
    """
    arguments = loss.model_dump(exclude={"class_weights"})
    for part in parts_of(arguments):
        if void and "ignore_index" not in part:
            able = ", ".join(name for name, section in SECTIONS.items() if "ignore_index" in section.model_fields)
            raise ConfigError(
                f"the data has void pixels, which {part['name']} cannot leave out; losses that can: {able}"
            )
        if void:
            part["ignore_index"] = VOID
        if weight is not None and has_free_weight(part):
            part["weight"] = list(weight)
    del arguments["name"]
    return arguments
