"""The run folder `outputs/<run>/`: one object owns every path in it and every write to it.

config.yaml   the complete configuration
split.csv     id,split
log.csv       one row per epoch, reproducible to the byte
timing.csv    seconds and images per second of each epoch
last.pth      the newest checkpoint: the truth that everything else here can be made from, but for an older best.pth
previous.pth  the checkpoint before it
best.pth      the state after the epoch with the highest val_iou
val/          what val.py writes: scores.csv, masks/<class>/<id>.png, overlays/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.history import History, to_csv
from engine.runs.checkpoint_file import NewerFormatError, load_checkpoint, save_checkpoint
from engine.runs.lock import FolderLock
from system.errors import CheckpointError, ConfigError
from system.files import remove_leftovers, write_text


class RunFolder:
    """Paths, writes and reads of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = FolderLock(path)
        self._last_is_whole = True
        self._resume = self._fresh = False

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.lock.release()

    def open(self, *, resume: bool, fresh: bool) -> dict | None:
        """Looks at what is there before any work, and claims it for this process.

        Returns:
            With `resume`, the state to go on from, or None where there is none.

        Raises:
            LockedError: a live process works in the folder.
            ConfigError: a run is there, and neither `resume` nor `fresh` says what to do with it.
            CheckpointError: its checkpoints are damaged.
        """
        self._resume, self._fresh = resume, fresh
        self.lock.claim()
        if resume:
            return self.recover()
        if not fresh:
            self.require_unused()
        return None

    def require_unused(self) -> None:
        """Raises ConfigError where the folder holds a run already; nothing is ever overwritten."""
        if self.path.exists() and any(self.path.iterdir()):
            raise ConfigError(
                f"{self.path} holds a run already; --resume goes on with it, --fresh moves it aside, "
                "name=… on the command line starts another"
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
        """Writes what a run is defined by. With `fresh`, the run that was there is moved aside first.

        Raises:
            LockedError: a live process works in the folder.
            ConfigError: since `open` another process has used it.
        """
        self.lock.claim()
        if self._fresh:
            if moved := self.move_aside():
                print(f"moved   the earlier run to {moved}")
        elif not self._resume:
            self.require_unused()
        write_text(self.path / "config.yaml", config_yaml)
        write_text(self.path / "split.csv", split_csv)
        remove_leftovers(self.path)

    def recover(self) -> dict | None:
        """The newest whole checkpoint of a stopped run, or None where no run has begun; changes nothing.

        A damaged or absent last.pth is passed over for previous.pth, in one printed line.

        Raises:
            CheckpointError: both are damaged, or last.pth is of a newer format.
        """
        if not self._is_begun():
            return None
        try:
            return self.load("last")
        except NewerFormatError:
            raise
        except CheckpointError as error:
            try:
                state = self.load("previous")
            except CheckpointError as second:
                raise CheckpointError(
                    f"{error}\n  {second}\n  no checkpoint is left to go on from, nothing was changed; "
                    "--fresh moves the run aside and trains anew"
                ) from error
            self._last_is_whole = False
            print(f"damaged {error.args[0].split(';')[0]}; going on from previous.pth, epoch {state['epoch']}")
            return state

    def rewrite_derived(self, state: dict) -> None:
        """Brings best.pth and the tables to what the checkpoint `state` says, after a stop between two writes."""
        history = History()
        history.load(state["history"], state["timing"])
        if not history.rows:
            return
        self._write_tables(history)
        best = history.best["epoch"]
        try:
            found = self.load("best")["epoch"]
        except CheckpointError as error:
            found, reason = None, str(error).split(";")[0]
        if found == best or (found or 0) > state["epoch"]:  # an epoch that will be trained again, to the same bits
            return
        if state["epoch"] == best and state["progress"] is None:
            save_checkpoint(self.path / "best.pth", {key: value for key, value in state.items() if key != "format"})
        else:
            what = reason if found is None else f"{self.path / 'best.pth'}: of epoch {found}"
            print(f"damaged {what}; the weights of the best epoch so far, {best}, are lost; a better one replaces them")

    def save(self, history: History, state: Mapping[str, object], *, epoch_ended: bool) -> None:
        """Writes `last.pth` and keeps the one before it; at an epoch's end also both tables and, if it is the best so
        far, `best.pth`. last.pth is the truth: what a kill leaves unwritten after it, `rewrite_derived` mends.
        """
        previous = self.path / "previous.pth" if self._last_is_whole else None
        save_checkpoint(self.path / "last.pth", state, keep=previous)
        self._last_is_whole = True
        if epoch_ended:
            if history.newest_is_best:
                save_checkpoint(self.path / "best.pth", state)
            self._write_tables(history)

    def _is_begun(self) -> bool:
        return any((self.path / name).exists() for name in ("last.pth", "previous.pth", "best.pth", "log.csv"))

    def _write_tables(self, history: History) -> None:
        write_text(self.path / "log.csv", to_csv(history.rows))
        write_text(self.path / "timing.csv", to_csv(history.timing))

    def load(self, which: str) -> dict:
        """`best`, `last` or `previous`, read onto the CPU.

        Raises:
            CheckpointError: no such run, or its checkpoint is absent or damaged.
        """
        if not self.path.is_dir():
            raise CheckpointError(f"{self.path}: no such run folder")
        return load_checkpoint(self.path / f"{which}.pth")
