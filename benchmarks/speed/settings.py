"""The settings that all benchmarks share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The options of `python -m benchmarks.speed.run`; each attribute has the name of its option."""

    device: str = "cpu"
    precision: str = "fp32"
    batch: int = 16
    size: int = 96
    rounds: int = 7
    seconds: float = 45.0
    data: Path | None = None
    run: Path | None = None
    no_data: bool = False
    compile: bool = False
    side: int = 8192

    @property
    def timing(self) -> dict:
        return {"rounds": self.rounds, "seconds": self.seconds, "device": self.device}
