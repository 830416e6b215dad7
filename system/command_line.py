"""Types of command-line values that several scripts share."""

from __future__ import annotations

from system.errors import ConfigError

SMALLEST_PIXEL, LARGEST_PIXEL = 1e-4, 1e4  # µm: a pixel of another size is nonsense


def fraction(text: str, *, option: str) -> float:
    """Reads the value of `option`, a number between 0 and 1. Both ends are excluded.

    Raises:
        ConfigError: the text is not a number, or the number lies outside.
    """
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not 0 < value < 1:
        raise ConfigError(f"{option} {text}: give a number between 0 and 1, such as 0.5; 0 and 1 are not allowed")
    return value


def micrometres(text: str, *, option: str) -> float:
    """Reads the value of `option`, the side of a pixel in µm.

    Raises:
        ConfigError: the text is not a number, or no pixel of a microscope has this size.
    """
    try:
        value = float(text)
    except ValueError:
        value = None
    if value is None or not SMALLEST_PIXEL <= value <= LARGEST_PIXEL:
        allowed = f"a number between {SMALLEST_PIXEL:g} and {LARGEST_PIXEL:g}"
        raise ConfigError(f"{option} {text}: give the side of a pixel in µm, {allowed}")
    return value
