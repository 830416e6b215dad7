"""The run folder `outputs/<run>/`. One object owns every path in it and every write to it.

config.yaml   the complete configuration
split.csv     id,split
log.csv       one row per epoch, reproducible to the byte
timing.csv    seconds and images per second of each epoch
curves.png    losses and scores over the epochs, as a picture; see engine.runs.curves
last.pth      the newest checkpoint; both tables, and best.pth if its epoch is the best, can be rewritten from it
previous.pth  the checkpoint before it
best.pth      the state after the epoch with the highest score
val/          what val.py writes: scores.csv, masks/<class>/<id>.png, overlays/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.history import History, to_csv
from engine.runs.checkpoint_file import NewerFormatError, load_checkpoint, require_whole, save_checkpoint
from engine.runs.curves import CurveFile
from engine.runs.lock import FolderLock
from engine.runs.ready_model import is_ready_model, weights_of
from system.errors import CheckpointError, ConfigError, LockedError
from system.files import remove_leftovers, write_text


class RunFolder:
    """Owns the paths of one run, and reads and writes its files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = FolderLock(path)
        self.curves = CurveFile(path / "curves.png")
        self._last_is_whole = True
        self._own_last: tuple[int, int] | None = None  # last.pth as this process has read it or written it
        self._resume = self._fresh = False

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *exception: object) -> None:
        self.lock.release()

    def open(self, *, resume: bool, fresh: bool) -> dict | None:
        """Checks what the folder holds before any work, and claims the folder for this process.

        Temporary files of a process that was killed are removed first, because they may fill the disk.

        Returns:
            With `resume`, the state to continue from; None if there is none.

        Raises:
            LockedError: a live process works in the folder.
            ConfigError: the folder holds a run, and neither `resume` nor `fresh` says what to do with it; or it holds
                a ready model.
            CheckpointError: the checkpoints of the run are damaged.
        """
        self._resume, self._fresh = resume, fresh
        if is_ready_model(self.path) and not fresh:
            raise ConfigError(
                f"{self.path} holds a ready model: weights without the state of a training, so nothing can be resumed; "
                f"start another run from it with name=… model.weights={self.path}"
            )
        self.lock.claim()
        remove_leftovers(self.path)
        self._own_last = self._stamp_of_last()
        if resume:
            return self.recover()
        if not fresh:
            self.require_unused()
        return None

    def require_unused(self) -> None:
        """Raises ConfigError if the folder holds a run already, because nothing is ever overwritten."""
        if self.path.exists() and any(self.path.iterdir()):
            raise ConfigError(
                f"{self.path} holds a run already; --resume goes on with it, --fresh moves it aside, "
                "name=… on the command line starts another"
            )

    def move_aside(self, name: str = "") -> Path | None:
        """Renames the folder, or `name` in it, to the first free name of `….1`, `….2`, …

        Returns:
            The new path; None if there was nothing to rename.
        """
        source = self.path / name
        if not source.exists():
            return None
        number = 1
        while (target := source.with_name(f"{source.name}.{number}")).exists():
            number += 1
        return source.rename(target)

    def start(self, *, config_yaml: str, split_csv: str) -> None:
        """Writes the files that define a run. With `fresh`, an earlier run in the folder is moved aside first.

        Raises:
            LockedError: a live process works in the folder.
            ConfigError: another process has used the folder since `open`.
        """
        self._require_own()
        if self._fresh:
            if moved := self.move_aside():
                print(f"moved   the earlier run to {moved}")
        elif not self._resume:
            self.require_unused()
        write_text(self.path / "config.yaml", config_yaml)
        write_text(self.path / "split.csv", split_csv)
        self._own_last = self._stamp_of_last()

    def recover(self) -> dict | None:
        """Returns the newest undamaged checkpoint of a stopped run; None if no run has begun. It changes no file.

        If last.pth is damaged or absent, previous.pth is used, and one printed line says so. If last.pth is undamaged
        and something else than a checkpoint, somebody has put it there, and it is refused.

        Raises:
            CheckpointError: both are damaged, or last.pth has a newer format, or a training cannot go on from it.
        """
        if not any((self.path / name).exists() for name in ("last.pth", "previous.pth", "best.pth", "log.csv")):
            return None
        which = "last"
        try:
            state = self.load(which)
        except NewerFormatError:
            raise
        except CheckpointError as error:
            which = "previous"
            try:
                state = self.load(which)
            except CheckpointError as second:
                raise CheckpointError(
                    f"{error}\n  {second}\n  no checkpoint is left to go on from, and nothing was changed; "
                    "--fresh moves the run aside and trains anew"
                ) from error
            self._last_is_whole = False
            print(f"damaged {error.args[0].split(';')[0]}; going on from previous.pth, epoch {state.get('epoch')}")
        require_whole(state, self.path / f"{which}.pth")
        return state

    def rewrite_derived(self, history: History, state: dict) -> None:
        """Rewrites best.pth and the tables, because a stop may come between two writes.

        Args:
            history: the history in the checkpoint `state`.
        """
        if not history.rows:
            return
        self._write_tables(history)
        best = history.best["epoch"]
        try:
            found = self.load("best")["epoch"]
        except CheckpointError as error:
            found, reason = None, str(error).split(";")[0]
        # If best.pth is of a later epoch, this epoch will be trained again, to the same bits.
        if found == best or (found or 0) > state["epoch"]:
            return
        if state["epoch"] == best and state["progress"] is None:
            save_checkpoint(self.path / "best.pth", {key: value for key, value in state.items() if key != "format"})
        else:
            what = reason if found is None else f"{self.path / 'best.pth'}: it is of epoch {found}"
            print(
                f"damaged {what}; the weights of the best epoch so far, {best}, are lost; "
                "a better epoch will write new ones"
            )

    def where_best(self, *, epoch: int) -> str:
        """Returns the path of best.pth for a message; if it is not of this epoch, the message says what happened."""
        path = self.path / "best.pth"
        try:
            found = self.load("best").get("epoch")
        except CheckpointError as error:
            return f"{str(error).split(';')[0]}, so the weights of this epoch are lost"
        return str(path) if found == epoch else f"{path}: it is of epoch {found}, so the weights of this epoch are lost"

    def save(self, history: History, state: Mapping[str, object], *, epoch_ended: bool) -> None:
        """Writes `last.pth` and keeps the one before it as `previous.pth`.

        At the end of an epoch it also writes both tables and, if the epoch is the best so far, `best.pth`. All this
        comes after `last.pth`, so that `rewrite_derived` can write what a kill has left unwritten.

        Raises:
            LockedError: somebody removed the lock file, and another process uses the folder. Nothing is written.
        """
        self._require_own()
        previous = self.path / "previous.pth" if self._last_is_whole else None
        save_checkpoint(self.path / "last.pth", state, keep=previous)
        self._last_is_whole, self._own_last = True, self._stamp_of_last()
        if epoch_ended:
            if history.newest_is_best:
                save_checkpoint(self.path / "best.pth", state)
            self._write_tables(history)

    def _require_own(self) -> None:
        """Raises LockedError if another process has the lock, or had it and has written a checkpoint."""
        removed = self.lock.renew()
        self.lock.claim()
        if not removed:
            return
        if self._stamp_of_last() != self._own_last:
            raise LockedError(
                f"{self.path}: the file {self.lock.path.name} beside it was removed, and another process has trained "
                "there since. This process has written nothing over it; --resume continues from its checkpoint"
            )
        print(f"lock    somebody removed {self.lock.path}; it is there again")

    def _stamp_of_last(self) -> tuple[int, int] | None:
        """Returns the size and the time of last.pth; None if it is absent."""
        try:
            found = (self.path / "last.pth").stat()
        except FileNotFoundError:
            return None
        return found.st_size, found.st_mtime_ns

    def _write_tables(self, history: History) -> None:
        write_text(self.path / "log.csv", to_csv(history.rows))
        write_text(self.path / "timing.csv", to_csv(history.timing))

    @property
    def weights(self) -> Path:
        """The checkpoint that predicts: best.pth, or weights.pth if the folder is a ready model."""
        return weights_of(self.path)

    def load(self, which: str) -> dict:
        """Reads the checkpoint `best`, `last` or `previous` onto the CPU. The weights of a ready model are its `best`.

        Raises:
            CheckpointError: there is no such run, or its checkpoint is absent or damaged.
        """
        if not self.path.is_dir():
            raise CheckpointError(f"{self.path}: no such run folder")
        return load_checkpoint(self.weights if which == "best" else self.path / f"{which}.pth")
