"""Types of command-line values that several scripts share."""

from __future__ import annotations

from pathlib import Path

from system.errors import ConfigError
from system.names import shown

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


def output_folder(text: str) -> Path:
    """Reads the value of --out, a folder that exists or can be made.

    Raises:
        ConfigError: a file stands in its place, or in that of a folder above it; or no folder can have this name.
    """
    folder = Path(text)
    try:
        taken = [place for place in (folder, *folder.parents) if place.exists() and not place.is_dir()]
    except OSError as error:
        raise ConfigError(f"--out {shown(text)}: {error.strerror}; choose another --out") from error
    if taken:
        place = shown(str(taken[0]))
        raise ConfigError(f"--out {shown(text)}: {place} is a file, and results need a folder; choose another --out")
    return folder
