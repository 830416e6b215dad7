"""From logits to masks on the disk, and to pictures that people look at. `inference.load_run` is the Python door."""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from inference.predictor import load_run

__all__ = ["load_run"]


def __getattr__(name: str) -> object:
    # Late, because engine's loops use inference.masks, and the predictor uses engine.
    if name == "load_run":
        from inference.predictor import load_run

        return load_run
    raise AttributeError(f"module 'inference' has no attribute {name!r}")
