"""Types of command-line values that several scripts share."""

from __future__ import annotations

from system.errors import ConfigError


def probability(text: str) -> float:
    """A number between 0 and 1, both excluded.

    Raises:
        ConfigError: a number outside.
        ValueError: no number; argparse tells it.
    """
    value = float(text)
    if not 0 < value < 1:
        raise ConfigError(f"--threshold {value}: give a probability between 0 and 1, such as 0.5")
    return value
