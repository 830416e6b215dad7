"""YAML file and command line → `Config`, or one error that lists every problem with the way to mend it."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from engine.schema.choices import shown, suggestion
from engine.schema.config import Config
from engine.schema.section import Section
from system.errors import ConfigError
from system.yaml_file import parse_yaml, read_yaml


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads and checks a configuration.

    Args:
        path: the YAML file; its stem is the run's name unless the file gives one.
        overrides: `section.key=value` as on the command line; values are YAML.

    Raises:
        ConfigError: every problem of the file and the overrides at once.
    """
    try:
        content = read_yaml(path)
    except OSError as error:
        shipped = ", ".join(sorted(str(p) for p in Path("configs").glob("*.yaml"))) or "none here"
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); configs in this folder: {shipped}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold sections such as 'data:' and 'train:', got {shown(content)}")
    content.setdefault("name", path.stem)
    problems, overridden = [], set()
    for override in overrides:
        try:
            overridden.add(_apply(content, override))
        except ConfigError as error:
            problems.append(str(error))
    try:
        config = Config.model_validate(content)
    except ValidationError as error:
        problems += [_message(problem, overridden) for problem in error.errors(include_url=False)]
    if problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        raise ConfigError(f"{path}: {count}\n" + "\n".join(f"  {problem}" for problem in problems))
    return config


def dump_config(config: Config) -> str:
    """The complete configuration as YAML; `load_config` of it gives the same configuration."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)


def _apply(content: dict, override: str) -> str:
    """Sets one `section.key=value` in `content` and returns `section.key`."""
    key, equals, value = override.partition("=")
    *sections, last = parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError(f"{override!r}: an override has the form section.key=value, such as train.epochs=20")
    for section in sections:
        content = content.setdefault(section, {})
        if not isinstance(content, dict):
            raise ConfigError(f"{override!r}: '{section}' is a value, not a section")
    content[last] = parse_yaml(value, override)
    return key.strip()


def _sections_within(annotation: object) -> Iterator[type[Section]]:
    if typing.get_origin(annotation) is None and isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _sections_within(part)


def _sections_of(annotation: object) -> dict[str, type[Section]]:
    """The sections that a type admits, alone or in a list: by name for a choice of several, "" for a single one."""
    options = list(_sections_within(annotation))
    if len(options) == 1:
        return {"": options[0]}
    return {typing.get_args(option.model_fields["name"].annotation)[0]: option for option in options}


def _walk(location: Sequence[object]) -> tuple[str, type[Section], object, list[str]]:
    """pydantic's location → (dotted key, the section that holds its last part, the last part, the names it may have).

    Those names are those of the sections to choose from where the last part is such a choice.
    """
    section, keys = Config, []
    parent, options = Config, {}
    for part in location:
        if part in options:
            section = options[part]  # the name of the chosen variant, which is no key of the file
            continue
        keys.append(part)
        if isinstance(part, int):
            continue  # an item of a list, which admits what the list does
        field = section.model_fields.get(part)
        options = _sections_of(field.annotation) if field else {}
        parent, section = section, options.get("", section)
    dotted = ".".join(str(key) for key in keys)
    return dotted or "the file", parent, keys[-1] if keys else None, list(options)


def _literals(annotation: object) -> list[object]:
    """The values of a Literal, or of one that may be left out."""
    inner = [part for part in typing.get_args(annotation) if typing.get_origin(part) is typing.Literal]
    return list(typing.get_args(inner[0] if inner else annotation))


_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "finite_number": "a finite number",
}


def _message(problem: Mapping, overridden: set[str]) -> str:
    """One pydantic error in the words of this project."""
    key, section, last, names = _walk(problem["loc"])
    kind, got, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        text = f"unknown key; {suggestion(last, list(section.model_fields))}"
    elif kind == "missing":
        text = "is required and not given"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        key += ".name"
        given = got.get("name")
        text = f"{given!r} is unknown; {suggestion(given, names)}" if given else f"is required; {suggestion('', names)}"
    elif kind == "literal_error":
        allowed = [str(option) for option in _literals(section.model_fields[last].annotation)]
        text = f"got {shown(got)}; {suggestion(got, allowed)}"
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        text = f"got {shown(got)}; expected a section with keys"
    elif kind == "value_error":
        text = str(context["error"])
    elif kind == "string_pattern_mismatch":
        text = f"got {got!r}; allowed are letters, digits, '.', '_' and '-', starting with a letter or digit"
    elif kind in _EXPECTED:
        text = f"got {shown(got)}; expected {_EXPECTED[kind]}"
    else:
        text = f"got {shown(got)}; {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"{key}{' (command line)' if key in overridden else ''}: {text}"
