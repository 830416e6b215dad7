"""YAML → plain Python, from files that may be anybody's: nothing is executed, and nothing grows beyond the file.

A subset of YAML 1.2: one document of text, numbers, true/false (also yes/no, on/off), null, lists and sections. Tags,
aliases, keys given twice, dates, and the octal, sexagesimal and `_` numbers of YAML 1.1 have no meaning here.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from system.errors import ConfigError

MAX_BYTES = 2**17  # a configuration has 2 kB; with what follows, any file is refused within half a second
MAX_DEPTH = 20  # lists and sections inside each other
MAX_VALUES = 3_000


class YamlError(ConfigError):
    """Text that is not YAML, or that has more or other things than this module allows.

    Attributes:
        found: what is wrong, without the name of the file.
        line: where, from 1; None where no line is known.
    """

    def __init__(self, where: str, found: str, line: int | None = None) -> None:
        super().__init__(f"{where}{'' if line is None else f', line {line}'}: {found}")
        self.found, self.line = found, line


class _Refused(yaml.MarkedYAMLError):
    """YAML allows this and the project does not; it is reported as a syntax error is."""

    def __init__(self, problem: str, mark: yaml.Mark) -> None:
        super().__init__(problem=problem, problem_mark=mark)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with YAML 1.2's numbers and the limits of this module."""

    yaml_implicit_resolvers: dict = {}  # noqa: RUF012 - filled below

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        event = self.peek_event()
        self._depth, self._values = self._depth + 1, self._values + 1
        if isinstance(event, yaml.AliasEvent):
            raise _Refused("aliases are not allowed: write the value again", event.start_mark)
        if event.tag is not None:
            raise _Refused(f"the tag {event.tag!r} is not allowed: write plain values", event.start_mark)
        if self._depth > MAX_DEPTH:
            raise _Refused(f"more than {MAX_DEPTH} lists and sections inside each other", event.start_mark)
        if self._values > MAX_VALUES:
            raise _Refused(f"more than {MAX_VALUES} values", event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def fetch_flow_collection_start(self, token_class: type[yaml.Token]) -> None:
        # The scanner reads ahead of compose_node(), and slows down with every open bracket.
        if self.flow_level >= MAX_DEPTH:
            raise _Refused(f"more than {MAX_DEPTH} lists and sections inside each other", self.get_mark())
        super().fetch_flow_collection_start(token_class)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _Refused("a list or section as a key; keys are text", key.start_mark)
            if (value := self.construct_object(key)) in seen:
                raise _Refused(f"the key {key.value!r} is given twice", key.start_mark)
            seen.add(value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode) -> str:
        if any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise _Refused("half a character (a surrogate), which cannot be written", node.start_mark)
        return super().construct_scalar(node)


# YAML 1.2's core schema, with YAML 1.1's words for yes and no; what fits nothing is text.
for _tag, _pattern, _first in (
    ("bool", r"yes|no|on|off|true|false", "yYnNtTfFoO"),
    ("int", r"[-+]?(0|[1-9][0-9]{0,99})|0x[0-9a-fA-F]{1,99}", "-+0123456789"),
    # PyYAML's own pattern wants a dot and a sign in the exponent and reads 1e-3 as text.
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=e))(e[-+]?[0-9]+)?|[-+]?\.inf|\.nan", "-+0123456789."),
    ("null", r"~|null|", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^({_pattern})$", re.IGNORECASE), _first)


def parse_yaml(text: str, where: str) -> object:
    """Plain Python from YAML text.

    Args:
        where: what messages call the text.

    Raises:
        YamlError: the text is not YAML, or it has more or other things than this module allows.
    """
    if len(text) > MAX_BYTES:
        raise YamlError(where, f"more than {MAX_BYTES} bytes; a YAML file of this project has a few thousand")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        found = getattr(error, "problem", None) or " ".join(str(error).split())
        raise YamlError(where, found, mark.line + 1 if mark else None) from error
    except ValueError as error:  # an escape sequence for no character
        raise YamlError(where, str(error)) from error


def read_yaml(path: Path) -> object:
    """`parse_yaml` of a UTF-8 file, of which no more than MAX_BYTES are read.

    Raises:
        OSError: it cannot be read.
        YamlError: as `parse_yaml` does, or it is not UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    try:
        text = content.decode("utf-8-sig") if len(content) <= MAX_BYTES else " " * len(content)
    except UnicodeDecodeError as error:
        raise YamlError(str(path), "not a UTF-8 text file; save it as one") from error
    return parse_yaml(text, str(path))
