"""Sets the items `section.key=value` of the command line, and guesses what a word of another form was meant to be."""

from __future__ import annotations

import argparse
import difflib
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.schema.config import Config
from engine.schema.section import Section
from system.errors import ConfigError
from system.yaml_file import parse_yaml

FORM = "an override has the form section.key=value, such as train.epochs=20"
SIMILAR = 0.8  # of difflib's ratio: "epoch" and "batchsize" are meant as keys
CONFIGURATIONS = (".yaml", ".yml")


def parse_with_hints(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line of this process, and ends it at an unknown option, perhaps with a suggestion."""
    arguments, unknown = parser.parse_known_intermixed_args()
    if unknown:
        behind = sys.argv[sys.argv.index(unknown[0]) + 1 :]
        value = behind[0] if behind and not behind[0].startswith("-") else None
        hint = meant(unknown[0], value)
        parser.error(f"unrecognized arguments: {' '.join(unknown)}" + (f"; did you mean {hint}?" if hint else ""))
    return arguments


def apply_overrides(content: dict, overrides: Sequence[str]) -> tuple[set[str], list[str], list[str]]:
    """Sets all items `section.key=value` in `content`.

    Returns:
        The dotted keys that were set; what is wrong with words that have no such form; and what is wrong with values.
    """
    overridden, malformed, problems, words = set(), [], [], list(overrides)
    while words:
        word = words.pop(0)
        if not _has_form(word):
            value = words.pop(0) if words and _is_value_of(words[0], word) else None
            shown = word if value is None else f"{word} {value}"
            hint = meant(word, value)
            malformed.append(f"{shown!r}: " + (f"did you mean {hint}? " if hint else "") + FORM)
            continue
        try:
            overridden.add(_apply(content, word))
        except ConfigError as error:
            problems.append(str(error))
    return overridden, malformed, problems


def meant(word: str, value: str | None = None) -> str | None:
    """Returns what a word of the command line probably stands for, such as "train.epochs=3"; None if nothing is near.

    Args:
        word: a word that is neither an option nor an item `section.key=value`, or an unknown option.
        value: the word behind it, if that may be its value.
    """
    name, equals, own = word.lstrip("-").partition("=")
    value = own if equals else value
    if name == "data" and value is not None:
        return f"data.root={value}"
    if key := key_like(name.replace("-", "_")):
        return f"{key}={'…' if value is None else value}"
    if word.startswith("-"):
        return None
    if Path(word).suffix in CONFIGURATIONS:
        return f"--config {word}"
    return f"data.root={word}" if Path(word).is_dir() else None


def key_like(name: str) -> str | None:
    """Returns the dotted key of a configuration that a name stands for or resembles, with another section or none."""
    keys = all_keys()
    if name in keys:
        return name
    names = {key.rpartition(".")[2]: key for key in reversed(keys)}
    close = difflib.get_close_matches(name.rpartition(".")[2].lower(), names, n=1, cutoff=SIMILAR)
    return names[close[0]] if close else None


def key_elsewhere(key: str) -> str | None:
    """Returns the key in another section that an unknown dotted key stands for; without a section, or resembles."""
    section, _, name = key.rpartition(".")
    found = key_like(key)
    if found is None or found.partition(".")[0] == key.partition(".")[0]:
        return None
    return found if not section or found.rpartition(".")[2] == name else None


def all_keys() -> list[str]:
    """Returns the dotted keys of a configuration in the order of the schema, those of all losses and optimisers too."""
    keys = {}
    for top, field in Config.model_fields.items():
        sections = list(sections_within(field.annotation))
        keys |= dict.fromkeys([f"{top}.{key}" for one in sections for key in one.model_fields] or [top])
    return list(keys)


def sections_within(annotation: object) -> Iterator[type[Section]]:
    """Yields the sections that a type admits, alone, in a union or in a list."""
    if typing.get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from sections_within(argument)


def _has_form(word: str) -> bool:
    key, equals, _ = word.partition("=")
    return bool(equals) and all(key.strip().split("."))


def _is_value_of(word: str, name: str) -> bool:
    """Whether a word can be the value of the word before it, which is no item `section.key=value`."""
    is_key = name == "data" or (key_like(name) is not None and "=" not in name)
    return is_key and not _has_form(word) and key_like(word) is None


def _apply(content: dict, override: str) -> str:
    """Sets one `section.key=value` in `content` and returns `section.key`."""
    key, _, value = override.partition("=")
    *sections, last = key.strip().split(".")
    for section in sections:
        if content.get(section) is None:  # also "train:" with nothing behind it
            content[section] = {}
        content = content[section]
        if not isinstance(content, dict):
            raise ConfigError(f"{override!r}: '{section}' is a value, not a section")
    content[last] = parse_yaml(value, override)
    return key.strip()
