"""YAML file and command line → `Config`, or one error that lists every problem with the way to mend it."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from engine.config import Config
from engine.errors import ConfigError
from engine.section import Section


class _Loader(yaml.SafeLoader):
    """Safe YAML in which 1e-3 is a number, a key given twice is an error, and there are no aliases."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# YAML 1.2's floats; PyYAML's own pattern wants a dot and a sign in the exponent and reads 1e-3 as text.
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?$")
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


def parse_yaml(text: str, where: str) -> object:
    """Plain Python from YAML text.

    Raises:
        ConfigError: not YAML, a key given twice, or an alias; the message starts with `where` and gives the line.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(f"{where}{line}: {problem}") from error


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Reads and checks a configuration.

    Args:
        path: the YAML file; its stem is the run's name unless the file gives one.
        overrides: `section.key=value` as on the command line; values are YAML.

    Raises:
        ConfigError: every problem of the file and the overrides at once.
    """
    try:
        content = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        shipped = ", ".join(sorted(str(p) for p in Path("configs").glob("*.yaml"))) or "none here"
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); configs in this folder: {shipped}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a UTF-8 text file") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold sections such as 'data:' and 'train:', got {_shown(content)}")
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
        problems += [_told(problem, overridden) for problem in error.errors(include_url=False)]
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


def _shown(value: object) -> str:
    kinds = {bool: "a yes/no value", int: "a whole number", float: "a number", str: "text", list: "a list"}
    if value is None:
        return "nothing"
    return f"{value!r} ({kinds[type(value)]})" if type(value) in kinds else "a section"


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


def _choice(got: object, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(got), allowed, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}allowed: {', '.join(allowed)}"


_EXPECTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "finite_number": "a finite number",
}


def _told(problem: Mapping, overridden: set[str]) -> str:
    """One pydantic error in the words of this project."""
    key, section, last, names = _walk(problem["loc"])
    kind, got, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        text = f"unknown key; {_choice(last, list(section.model_fields))}"
    elif kind == "missing":
        text = "is required and not given"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        key += ".name"
        given = got.get("name")
        text = f"{given!r} is unknown; {_choice(given, names)}" if given else f"is required; {_choice('', names)}"
    elif kind == "literal_error":
        allowed = [str(option) for option in _literals(section.model_fields[last].annotation)]
        text = f"got {_shown(got)}; {_choice(got, allowed)}"
    elif kind in ("model_type", "model_attributes_type", "dict_type"):
        text = f"got {_shown(got)}; expected a section with keys"
    elif kind == "value_error":
        text = str(context["error"])
    elif kind == "string_pattern_mismatch":
        text = f"got {got!r}; allowed are letters, digits, '.', '_' and '-', starting with a letter or digit"
    elif kind in _EXPECTED:
        text = f"got {_shown(got)}; expected {_EXPECTED[kind]}"
    else:
        text = f"got {_shown(got)}; {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"{key}{' (command line)' if key in overridden else ''}: {text}"
