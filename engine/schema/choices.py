"""A configuration chooses some names from tables. A name that is not in its table gets a message with a suggestion."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import BeforeValidator


def name_in(allowed: Callable[[], Sequence[str]]) -> BeforeValidator:
    """Returns a validator which checks that a value is one of the names that `allowed` returns at that time."""

    def check(value: object) -> object:
        if value not in (names := allowed()):
            raise ValueError(f"got {shown(value)}; {suggestion(value, names)}")
        return value

    return BeforeValidator(check)


def _check_logs(value: object) -> object:
    if not (isinstance(value, list) and sorted(map(str, value)) in (["csv"], ["csv", "tensorboard"])):
        raise ValueError(
            f"got {shown(value)}; allowed are [csv] and [csv, tensorboard]; the tables log.csv and timing.csv are "
            "always written"
        )
    return value


Logs = Annotated[list[str], BeforeValidator(_check_logs)]


def suggestion(got: object, allowed: Sequence[str], *, meant: str | None = None) -> str:
    """Returns the list of allowed names for a message. If one of them resembles `got`, it comes first as a question.

    With `meant`, this name comes first.
    """
    if meant is None:
        lower = {option.lower(): option for option in allowed}
        close = difflib.get_close_matches(str(got).lower(), lower, n=1, cutoff=0.5)
        meant = lower[close[0]] if close else None
    hint = f"did you mean {meant!r}? " if meant is not None else ""
    return f"{hint}allowed: {', '.join(allowed)}"


def shown(value: object) -> str:
    """Returns a value with its kind, for a message, such as: '3' (text)."""
    kinds = {bool: "a yes/no value", int: "a whole number", float: "a number", str: "text", list: "a list"}
    if value is None:
        return "nothing"
    text = repr(value) if len(repr(value)) <= 100 else f"{repr(value)[:100]}…"
    return f"{text} ({kinds[type(value)]})" if type(value) in kinds else "a section"
