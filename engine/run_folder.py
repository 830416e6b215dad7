"""The run folder `outputs/<run>/`: one object owns every path in it and every write to it.

config.yaml   the complete configuration
split.csv     id,split
log.csv       one row per epoch, reproducible to the byte
timing.csv    seconds and images per second of each epoch
last.pth      the state after the newest epoch
best.pth      the state after the epoch with the highest val_iou
val/          what val.py writes: scores.csv, masks/<class>/<id>.png, overlays/
"""

from __future__ import annotations

from pathlib import Path

from engine.checkpoint import load_checkpoint, save_checkpoint
from engine.errors import CheckpointError, ConfigError
from engine.files import write_text
from engine.history import History, to_csv


class RunFolder:
    """Paths, writes and reads of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def require_unused(self) -> None:
        """Raises ConfigError where the folder holds a run already; nothing is ever overwritten."""
        if self.path.exists() and any(self.path.iterdir()):
            raise ConfigError(
                f"{self.path} holds a run already; --fresh moves it aside, name=… on the command line starts another"
            )

    def move_aside(self, name: str = "") -> Path | None:
        """Renames the folder, or `name` in it, to the first free `….1`, `….2`, …; None where nothing is there."""
        source = self.path / name
        if not source.exists():
            return None
        number = 1
        while (target := source.with_name(f"{source.name}.{number}")).exists():
            number += 1
        return source.rename(target)

    def start(self, *, config_yaml: str, split_csv: str) -> None:
        """Writes what a run is defined by."""
        write_text(self.path / "config.yaml", config_yaml)
        write_text(self.path / "split.csv", split_csv)

    def save_epoch(self, history: History, **state: object) -> None:
        """Writes `last.pth`, `best.pth` if the newest epoch is the best so far, and both tables."""
        state |= {"epoch": len(history.rows), "scores": history.rows[-1], "history": history.rows}
        save_checkpoint(self.path / "last.pth", state)
        if history.newest_is_best:
            save_checkpoint(self.path / "best.pth", state)
        write_text(self.path / "log.csv", to_csv(history.rows))
        write_text(self.path / "timing.csv", to_csv(history.timing))

    def load(self, which: str) -> dict:
        """`best` or `last`, read onto the CPU.

        Raises:
            CheckpointError: no such run, or its checkpoint is absent or damaged.
        """
        if not self.path.is_dir():
            raise CheckpointError(f"{self.path}: no such run folder")
        return load_checkpoint(self.path / f"{which}.pth")
