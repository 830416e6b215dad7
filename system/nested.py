"""Sections within sections, such as those of a configuration, as one table of dotted keys."""

from __future__ import annotations

from collections.abc import Mapping


def flat(section: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Returns dotted key → value of all values in a section and in those within it, in their order."""
    found = {}
    for key, value in section.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found
