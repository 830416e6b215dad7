"""Objects that a table names as "module:Name", imported when they are needed: the table itself stays light."""

from __future__ import annotations

import importlib
from typing import Any


def load(where: str) -> Any:  # noqa: ANN401 - whatever the table names
    """Returns the object that "module:Name" stands for."""
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)
