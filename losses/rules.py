"""Which arguments a loss can take. The constructors and the configuration's schema call the same checks.

Nothing here imports torch, so that a wrong configuration is refused before torch has loaded.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

# What a loss compares the logits with: one mask for a single sigmoid channel, a mask for each of K sigmoid channels, or
# class indices for K softmax channels.
Target = Literal["mask", "masks", "indices"]


class Range(NamedTuple):
    """The numbers that a keyword may have; a bound that is None does not bind."""

    least: float | None = None
    above: float | None = None
    most: float | None = None

    def __str__(self) -> str:
        lower = f"above {self.above}" if self.above is not None else f"from {self.least}"
        return lower if self.most is None else f"{lower} to {self.most}"


NON_NEGATIVE = Range(least=0)
POSITIVE = Range(above=0)
FRACTION = Range(least=0, most=1)


def check_choice(keyword: str, value: object, choices: object) -> None:
    """Raises ValueError unless `value` is one of `choices`, a Literal."""
    allowed = typing.get_args(choices)
    if value not in allowed:
        raise ValueError(f"{keyword} {value!r} is unknown; allowed are {', '.join(allowed)}")


def checked_weights(keyword: str, weights: Iterable[float] | None) -> tuple[float, ...] | None:
    """Weights of the classes as plain numbers.

    Raises:
        ValueError: one is negative or no finite number, or all are 0.
    """
    if weights is None:
        return None
    numbers = tuple(float(weight) for weight in weights)
    if not all(0 <= number < float("inf") for number in numbers) or not any(numbers):
        raise ValueError(f"{keyword} must hold numbers from 0, and one of them above 0; got {list(numbers)}")
    return numbers


def check_number_per_channel(keyword: str, numbers: Sequence[float], channels: int | None) -> None:
    """Raises ValueError unless there are as many numbers as channels. None stands for several channels."""
    if len(numbers) == channels or (channels is None and len(numbers) > 1):
        return
    raise ValueError(
        f"{keyword} has {_counted(len(numbers), 'number')} and the network has {_counted(channels, 'channel')}; give "
        "one number per channel, in the order of the classes"
    )


def _counted(count: int | None, noun: str) -> str:
    return f"several {noun}s" if count is None else f"{count} {noun}{'' if count == 1 else 's'}"


def check_channels_exist(keyword: str, given: int | Sequence[int], channels: int) -> None:
    """Raises ValueError unless the channel, or each of the channels, lies in 0 … channels − 1."""
    if not set([given] if isinstance(given, int) else given) <= set(range(channels)):
        shown = given if isinstance(given, int) else list(given)
        raise ValueError(
            f"{keyword} is {shown}, and the network has the channels 0 to {channels - 1}; choose among these"
        )


def check_per_class(*, per_class: bool, weight: object, smooth: object) -> None:
    """Raises ValueError if the sums are pooled over the classes and a number is given for each class."""
    if not per_class and (weight is not None or not isinstance(smooth, (int, float))):
        raise ValueError(
            "weight and a list of smooth hold a number for each class, and with per_class false the classes are pooled "
            "into one; set per_class to true, or give no such numbers"
        )


def check_only_masks(keyword: str, value: object, target: Target) -> None:
    """Raises ValueError if a keyword that only a target of masks has a use for is given, and the target is another."""
    if value is not None and target == "indices":
        raise ValueError(
            f"{keyword} is for masks (tasks binary and multilabel); for class indices (task multiclass) give weight "
            "instead"
        )


def kept_channels(channels: int, *, include_background: bool, ignore_class: int | None) -> list[int]:
    """Returns the channels that count: all but channel 0 if the background is not included, and but `ignore_class`.

    Raises:
        ValueError: no channel is left.
    """
    left_out = {ignore_class} if include_background else {ignore_class, 0}
    kept = [channel for channel in range(channels) if channel not in left_out]
    if not kept:
        raise ValueError(
            f"include_background {include_background} and ignore_class {ignore_class} leave out all channels of the "
            f"network, which has {_counted(channels, 'channel')}; keep one"
        )
    return kept


def check_arguments(arguments: Mapping[str, object], *, target: Target, channels: int | None = None) -> None:
    """Raises ValueError if arguments that are allowed each by itself do not go with the target or with each other.

    Args:
        arguments: the keywords of a loss. Keywords of one name mean the same in all losses.
        channels: of the network, one per class; None while the data set has not been read.
    """
    channels = 1 if target == "mask" else channels
    for keyword in ("weight", "pos_weight", "smooth"):
        if isinstance(numbers := arguments.get(keyword), Sequence):
            check_number_per_channel(keyword, numbers, channels)
    for keyword in ("weight", "pos_weight"):
        checked_weights(keyword, arguments.get(keyword))
    for keyword in ("classes", "ignore_class"):
        given = arguments.get(keyword)
        if channels and given is not None and not isinstance(given, str):
            check_channels_exist(keyword, given, channels)
    if arguments.get("activation") == "softmax" and target != "indices":
        raise ValueError("activation softmax is for class indices (task multiclass); for masks use auto or sigmoid")
    background, ignored = arguments.get("include_background", True), arguments.get("ignore_class")
    if channels:
        kept_channels(channels, include_background=background, ignore_class=ignored)
    if target == "masks" and not background:
        raise ValueError(
            "include_background false leaves out channel 0, and masks of several classes have no background there; "
            "leave a class out with ignore_class"
        )
    check_per_class(
        per_class=arguments.get("per_class", True), weight=arguments.get("weight"), smooth=arguments.get("smooth", 1.0)
    )
