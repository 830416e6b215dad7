"""YAML → plain Python. A file may come from anybody: nothing is executed, and the result does not outgrow the file.

A part of YAML 1.2 is read: one document of text, numbers, true and false (also yes, no, on and off), null, lists and
sections. Tags, aliases and repeated keys are refused. Dates and the special numbers of YAML 1.1 are plain text.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from system.errors import ConfigError
from system.regular_file import require_regular

MAX_BYTES = 2**17  # a configuration has 2 kB; within these three limits, any file is refused in less than half a second
MAX_DEPTH = 20  # lists and sections inside each other
MAX_VALUES = 3_000
SURROGATES = re.compile("[\ud800-\udfff]")  # halves of characters, which "\ud800" in a file stands for


class YamlError(ConfigError):
    """Text that is not YAML, or that has more or other things than this module allows.

    Attributes:
        found: what is wrong, without the name of the file.
        line: where, from 1; None where no line is known.
    """

    def __init__(self, where: str, found: str, line: int | None = None) -> None:
        super().__init__(f"{where}{'' if line is None else f', line {line}'}: {found}")
        self.found, self.line = found, line


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the numbers of YAML 1.2 and the limits of this module."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - filled below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        """Reads the next value, unless it is not allowed."""
        event = self.peek_event()
        self._depth, self._values = self._depth + 1, self._values + 1
        if isinstance(event, yaml.AliasEvent):
            problem = "aliases are not allowed: write the value again"
        elif event.tag is not None:
            problem = f"the tag {event.tag!r} is not allowed: write plain values"
        elif self._depth > MAX_DEPTH:
            problem = f"there are more than {MAX_DEPTH} lists and sections inside each other"
        elif self._values > MAX_VALUES:
            problem = f"there are more than {MAX_VALUES} values"
        elif isinstance(event, yaml.ScalarEvent) and SURROGATES.search(event.value):
            problem = "half a character (a surrogate) is not allowed, because it cannot be written to a file"
        else:
            node = super().compose_node(parent, index)
            self._depth -= 1
            return node
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """Makes a dictionary, where PyYAML would silently keep the last of several equal keys."""
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                problem = "a key must be text or a number, not a list or a section"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            if (value := self.construct_object(key)) in seen:
                problem = f"the key {key.value!r} is given twice"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen.add(value)
        return super().construct_mapping(node, deep)


# The core schema of YAML 1.2, with the words of YAML 1.1 for true and false. A value that fits no pattern is text.
for _tag, _pattern, _first in (
    ("bool", r"yes|no|on|off|true|false", "yYnNtTfFoO"),
    ("int", r"[-+]?(0|[1-9][0-9]{0,99})|0x[0-9a-fA-F]{1,99}", "-+0123456789"),
    # The pattern of PyYAML asks for a dot, and for a sign in the exponent, so that 1e-3 would be text.
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=e))(e[-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+0123456789."),
    ("null", r"~|null|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$", re.IGNORECASE), _first)


def parse_yaml(content: str | bytes, where: str) -> object:
    """Reads YAML, as text or as bytes in UTF-8, into plain Python.

    Args:
        where: what messages call the text.

    Raises:
        YamlError: this is no YAML, or it is something that this module does not allow.
    """
    if len(content) > MAX_BYTES:
        raise YamlError(where, f"more than {MAX_BYTES} bytes; a YAML file of this project has a few thousand")
    try:
        return yaml.load(content if isinstance(content, str) else content.decode("utf-8-sig"), _Loader)
    except yaml.YAMLError as fault:
        mark = getattr(fault, "problem_mark", None)
        found = getattr(fault, "problem", None) or " ".join(str(fault).split())
        raise YamlError(where, found, mark.line + 1 if mark else None) from fault
    except UnicodeDecodeError as fault:
        raise YamlError(where, "not a UTF-8 text file; save it as one") from fault
    except ValueError as fault:  # an escape sequence for a character that does not exist
        raise YamlError(where, str(fault)) from fault


def read_yaml(path: Path) -> object:
    """Does the same with a file; it reads no more than is needed to refuse a file that is too large.

    Raises:
        OSError: the file cannot be read, or it is a named pipe, a socket or a device.
        YamlError: as `parse_yaml` raises it.
    """
    require_regular(path)
    with path.open("rb") as file:
        return parse_yaml(file.read(MAX_BYTES + 1), str(path))
