"""Turns a YAML file and the command line into a `Config`, or lists all problems with their fixes in one error."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from engine.schema.choices import shown, suggestion
from engine.schema.config import Config
from engine.schema.defaults import left_out, problems_of_given
from engine.schema.overrides import apply_overrides, key_elsewhere, sections_within
from engine.schema.section import Section
from system.errors import ConfigError
from system.yaml_file import read_yaml


def load_config(path: Path | None, overrides: Sequence[str] = (), fill: Callable[[dict], dict] | None = None) -> Config:
    """Reads and checks a configuration.

    Args:
        path: the YAML file. Its stem is the name of the run, unless the file gives another. Without a file, everything
            comes from the overrides, and the run is called as its data folder.
        overrides: items `section.key=value`, as on the command line. The values are YAML.
        fill: called with the content if it leaves required keys out and has no other problem; returns it complete.
            Without it, keys that are left out are problems, and the task is binary.

    Raises:
        ConfigError: the file or the overrides have problems. The message lists all of them.
    """
    content = {} if path is None else _content_of(path)
    overridden, malformed, problems = apply_overrides(content, overrides)
    problems = malformed + problems
    content = {key: value for key, value in content.items() if value is not None or not _is_section(key)}
    content.setdefault("name", _name_of_folder(content) if path is None else path.stem)
    config, failed, fillable = None, None, []
    if fill is not None and (fillable := left_out(content)):
        failed = problems_of_given(content)
        content = content if failed or problems else fill(content)
    try:  # what would be filled in is not missing
        config = None if failed or (fillable and problems) else Config.model_validate(content)
    except ValidationError as error:
        failed = error
    if failed is not None:
        found = [one for one in failed.errors(include_url=False) if not _is_consequence(one, malformed, fillable)]
        problems += [_message(problem, overridden) for problem in found]
    if problems:
        count = f"{len(problems)} problems" if len(problems) > 1 else "1 problem"
        raise ConfigError(f"{path or 'command line'}: {count}\n" + "\n".join(f"  {problem}" for problem in problems))
    return config


def _content_of(path: Path) -> dict:
    try:
        content = read_yaml(path)
    except IsADirectoryError as error:
        if (path / "images").is_dir():
            raise ConfigError(f"{path}: a data folder is no configuration; did you mean data.root={path}?") from error
        advice = f"give a file, such as {path / 'config.yaml'}; to start from the weights of a run or a ready model"
        raise ConfigError(f"{path}: a folder is no configuration; {advice}, set model.weights={path}") from error
    except OSError as error:
        shipped = ", ".join(sorted(str(p) for p in Path("configs").glob("*.yaml"))) or "none here"
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); configs in this folder: {shipped}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: must hold sections such as 'data:' and 'train:', got {shown(content)}")
    return content


def _name_of_folder(content: Mapping) -> str:
    """Returns the name of the data folder as the name of a run."""
    data = content.get("data")
    root = data.get("root") if isinstance(data, Mapping) else None
    return re.sub(r"[^A-Za-z0-9._-]+", "_", Path(str(root)).name).lstrip("._-") or "run"


def dump_config(config: Config) -> str:
    """Returns the complete configuration as YAML, which `load_config` turns into the same configuration again."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)


def _is_consequence(problem: Mapping, malformed: Sequence[str], fillable: Sequence[str]) -> bool:
    """Whether a key is only missing because of another problem.

    Args:
        problem: of pydantic.
        malformed: problems of words of the command line, each of which may have been meant as this key.
        fillable: keys that would be filled in if there were no problem.
    """
    key = ".".join(map(str, problem["loc"]))
    return problem["type"] == "missing" and (
        bool(malformed) or any(one == key or one.startswith(f"{key}.") for one in fillable)
    )


def _is_section(key: object) -> bool:
    field = Config.model_fields.get(key)
    return field is not None and any(sections_within(field.annotation))


def _sections_of(annotation: object) -> dict[str, type[Section]]:
    """Returns the sections that a type admits, alone or in a list. A single section has the key "".

    If there are several to choose from, the key of each is its name.
    """
    options = list(sections_within(annotation))
    if len(options) == 1:
        return {"": options[0]}
    return {typing.get_args(option.model_fields["name"].annotation)[0]: option for option in options}


def _walk(location: Sequence[object]) -> tuple[str, type[Section], object, list[str]]:
    """Translates the location of a problem in pydantic.

    Returns:
        The dotted key; the section that holds the last key; the last key; and, if a choice of several sections belongs
        to the last key, the names of these sections.
    """
    section, keys = Config, []
    parent, options = Config, {}
    for element in location:
        if element in options:
            section = options[element]  # the name of the chosen section, which is no key of the file
            continue
        keys.append(element)
        if isinstance(element, int):
            continue  # the number of an item in a list; the item admits the same sections as the list
        field = section.model_fields.get(element)
        options = _sections_of(field.annotation) if field else {}
        parent, section = section, options.get("", section)
    dotted = ".".join(str(key) for key in keys)
    return dotted or "the file", parent, keys[-1] if keys else None, list(options)


def _literals(annotation: object) -> list[object]:
    """Returns the values of a Literal, also of a Literal in a union, such as with None."""
    inner = [member for member in typing.get_args(annotation) if typing.get_origin(member) is typing.Literal]
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
    """Returns the message for one pydantic error, in the words of this project."""
    key, section, last, names = _walk(problem["loc"])
    kind, got, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        text = f"unknown key; {suggestion(last, list(section.model_fields), meant=key_elsewhere(key))}"
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
        hint = f"; did you mean data.root={got}?" if key == "data" and isinstance(got, str) else ""
        text = f"got {shown(got)}; expected a section with keys{hint}"
    elif kind == "value_error":
        text = str(context["error"])
    elif kind == "string_pattern_mismatch":
        text = f"got {got!r}; allowed are letters, digits, '.', '_' and '-', starting with a letter or digit"
    elif kind in _EXPECTED:
        text = f"got {shown(got)}; expected {_EXPECTED[kind]}"
    else:
        text = f"got {shown(got)}; {problem['msg'][0].lower()}{problem['msg'][1:]}"
    return f"{key}{' (command line)' if key in overridden else ''}: {text}"
