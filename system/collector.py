"""Python's collector of cycles, and work that it only slows down."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Makes many objects without the collector, which would look at all of them again and again.

    It is for work that leaves no cycles behind.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
