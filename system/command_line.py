"""Types of command-line values that several scripts share."""

from __future__ import annotations

from pathlib import Path

from system.errors import ConfigError
from system.names import shown

OPEN_FRACTION = "give a number between 0 and 1, such as 0.5; 0 and 1 are not allowed"
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
        raise ConfigError(f"{option} {text}: {OPEN_FRACTION}")
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


def channels(text: str, *, option: str) -> int | str | list[int | str]:
    """Reads the value of `option`: "auto", a number of channels, or a list of numbers (from 0) or names of them.

    Raises:
        ConfigError: it is none of these.
    """
    found = _parsed(text, option)
    if found != "auto" and not _is_list_of_channels(found) and not (type(found) is int and found > 0):
        raise ConfigError(f"{option} {text}: allowed are auto, a number such as 5, or a list such as [0, 2]")
    return found


def list_of_channels(text: str, *, option: str) -> list[int | str]:
    """Reads the value of `option`, a list of numbers (from 0) or names of channels.

    Raises:
        ConfigError: it is no such list.
    """
    found = _parsed(text, option)
    if not _is_list_of_channels(found):
        raise ConfigError(f"{option} {text}: give a list of numbers (from 0) or names, such as [1] or [DAPI, GFP]")
    return found


def _parsed(text: str, option: str) -> object:
    from system.yaml_file import parse_yaml

    return parse_yaml(text, option)


def _is_list_of_channels(found: object) -> bool:
    names = lambda one: (type(one) is int and one >= 0) or (isinstance(one, str) and one != "")
    return isinstance(found, list) and bool(found) and all(map(names, found))


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
