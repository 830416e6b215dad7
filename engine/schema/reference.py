"""Lists every key of a configuration with its default, and all networks, losses, tasks, optimisers and schedules.

python -m engine.schema.reference
"""

from __future__ import annotations

import inspect
import re
import textwrap
import typing
from collections.abc import Iterator

import yaml
from pydantic.fields import FieldInfo

from engine.schema.augment import AugmentConfig
from engine.schema.config import Config
from engine.schema.losses import SECTIONS
from engine.schema.optimisers import OptimizerConfig, SchedulerConfig
from engine.schema.section import Section
from models import ENCODERS, MODELS
from tasks import TASKS

BY_DATA = "chosen by the data"
CHOSEN = {"task", "data.crop", "loss", "optimizer", "scheduler", "train.epochs"}  # of what may be left out
REQUIRED = {"data.root"}
WIDTH = 32  # of keys and defaults; the comments begin behind


def reference() -> str:
    """Returns the list of all keys and names, as lines of at most 120 characters."""
    lines = ["Keys of a configuration and their defaults:", ""]
    lines += [f"  {line}" for line in _section_lines(Config, "")]
    lines += ["", "Keys of data.augment if it is a section; true is a default of their own:"]
    lines += [f"  {line}" for line in _section_lines(AugmentConfig, "")]
    lines += ["", "Tasks (task):", f"  {', '.join(TASKS)}", "", "Networks (model.name):", f"  {', '.join(MODELS)}"]
    lines += ["", "Encoders (model.encoder):", f"  {', '.join(ENCODERS)}"]
    lines += ["", "Losses (loss.name) and their keys; WeightedSumLoss has terms, each with a factor:"]
    lines += [f"  {_signature(name, section)}" for name, section in SECTIONS.items()]
    for title, union in (
        ("Optimisers (optimizer.name)", OptimizerConfig),
        ("Schedules (scheduler.name)", SchedulerConfig),
    ):
        lines += ["", f"{title} and their keys:"]
        lines += [f"  {_signature(_name_of(section), section)}" for section in _options(union)]
    return "\n".join(textwrap.fill(line, 120, subsequent_indent=" " * 6) for line in lines) + "\n"


def _section_lines(section: type[Section], prefix: str) -> Iterator[str]:
    comments = _comments(section)
    for key, field in section.model_fields.items():
        dotted = f"{prefix}{key}"
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from _section_lines(inner, f"{dotted}.")
        else:
            stated, told = f"{dotted}: {_default(dotted, field)}", [*_allowed(field), *comments.get(key, [])]
            yield f"{stated:{WIDTH}}  # {'; '.join(told)}" if told else stated


def _default(dotted: str, field: FieldInfo) -> str:
    if dotted in CHOSEN:
        return BY_DATA
    if dotted in REQUIRED:
        return "required"
    return "the name of the file" if dotted == "name" else _plain(field.get_default(call_default_factory=True))


def _plain(value: object) -> str:
    """Returns a value as YAML in one line."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("\n").removesuffix("\n...")


def _allowed(field: FieldInfo) -> list[str]:
    """Returns the names that a key allows, as a list of one text; an empty list if it allows other values."""
    if typing.get_origin(field.annotation) is not typing.Literal:
        return []
    return [", ".join(map(str, typing.get_args(field.annotation)))]


def _comments(section: type[Section]) -> dict[str, list[str]]:
    """Returns key → the comment behind its line in the source, which says what it means."""
    found = re.findall(r"^    (\w+): .*?  # (.*)$", inspect.getsource(section), re.MULTILINE)
    return {key: [comment] for key, comment in found}


def _options(union: object) -> list[type[Section]]:
    """Returns the sections of a choice between several."""
    return list(typing.get_args(typing.get_args(union)[0]))


def _name_of(section: type[Section]) -> str:
    return typing.get_args(section.model_fields["name"].annotation)[0]


def _signature(name: str, section: type[Section]) -> str:
    keys = [
        key if field.is_required() else f"{key}: {_plain(field.get_default(call_default_factory=True))}"
        for key, field in section.model_fields.items()
        if key != "name"
    ]
    return f"{name}  {{{', '.join(keys)}}}" if keys else name


if __name__ == "__main__":
    print(reference(), end="")
