"""The section `data.augment` of a configuration: random changes besides flips, turns, colour and brightness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Discriminator, Tag

from engine.schema.choices import shown
from engine.schema.section import Section

FACTORS = 0.1, 10.0  # bounds of a range of factors


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_chance(value: object) -> bool:
    return _is_number(value) and 0 < value <= 1


def _is_range(value: object) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
    return pair and FACTORS[0] <= value[0] <= value[1] <= FACTORS[1]


def _switch_or(allowed: Callable[[object], bool], expected: str) -> BeforeValidator:
    def check(value: object) -> object:
        if type(value) is not bool and not allowed(value):
            raise ValueError(f"got {shown(value)}; expected true (its default), false, or {expected}")
        return value

    return BeforeValidator(check)


Chance = Annotated[bool | float, _switch_or(_is_chance, "a probability above 0 and at most 1, such as 0.2")]
Factors = Annotated[
    bool | list[float],
    _switch_or(_is_range, f"a range [lowest, highest] from {FACTORS[0]:g} to {FACTORS[1]:g}, such as [0.6, 1.6]"),
]


class AugmentConfig(Section):
    scale: Factors = False  # range of a random magnification, drawn evenly on a log scale; true: [0.6, 1.6]
    elastic: Chance = False  # probability of a smooth random deformation; true: 0.3
    stain: Chance = False  # … of other amounts of haematoxylin and eosin, in RGB images with colour; true: 0.5
    grey: Chance = False  # … that an RGB image loses its colour; true: 0.2
    invert: Chance = False  # … that dark and bright are swapped, in images without colour; true: 0.2
    gamma: Factors = False  # range of a random exponent of the brightness; true: [0.7, 1.5]
    blur: Chance = False  # probability of a blur of 0.5 to 1.5 pixels; true: 0.2
    noise: Chance = False  # … of noise of 1 to 6 % of the full range; true: 0.2

    def values(self) -> dict[str, object]:
        """Returns each change that is on: its probability, or its range as a tuple."""
        on = {key: DEFAULTS[key] if value is True else value for key, value in self if value is not False}
        return {key: tuple(value) if isinstance(value, list) else value for key, value in on.items()}


DEFAULTS: dict[str, float | list[float]] = {
    "scale": [0.6, 1.6],  # winners of the 2018 Data Science Bowl trained with about these scales
    "elastic": 0.3,
    "stain": 0.5,
    "grey": 0.2,
    "invert": 0.2,
    "gamma": [0.7, 1.5],
    "blur": 0.2,
    "noise": 0.2,
}


def _yes_no_or_section(value: object) -> object:
    if not isinstance(value, bool | Mapping | AugmentConfig):
        raise ValueError(
            f"got {shown(value)}; expected true or false, or a section with keys such as scale: [0.6, 1.6]"
        )
    return value


# The tag of the section is "", because the messages of `engine.schema.config_file` leave this part of a location out.
Augment = Annotated[
    Annotated[bool, Tag("yes or no")] | Annotated[AugmentConfig, Tag("")],
    Discriminator(lambda value: "yes or no" if isinstance(value, bool) else ""),
    BeforeValidator(_yes_no_or_section),
]
