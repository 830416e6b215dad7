"""When a training is saved, and when a signal may end it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from engine.divergence import UpdateGuard, WatchedStep, save_bad_step
from engine.loops import Criterion
from engine.run_folder import RunFolder
from engine.signals import StopSignals
from engine.training import Training


class Loader(Protocol):
    """A loader that can say which images a batch of the epoch under way has."""

    def ids_of(self, number: int) -> list[str]: ...


class Saver:
    """Saves a training at each epoch's end, every few minutes within it, and when a signal has come.

    Attributes:
        guard: for the training's steps; a bad batch is saved as diverged.pth.

    Args:
        loader: names the images of a batch.
        criterion: its `parts` are told of a bad step.
        facts: what of a checkpoint never changes: config, classes, reader, normalisation, data.
        minutes: longest time between two checkpoints, to the end of the step.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Training,
        stop: StopSignals,
        *,
        loader: Loader,
        criterion: Criterion,
        facts: Mapping[str, object],
        minutes: float,
    ) -> None:
        self.run, self.training, self.stop, self.loader = run, training, stop, loader
        self.facts, self.minutes = facts, minutes
        self.guard = UpdateGuard(
            training.optimizer,
            deferred=training.runtime.on_cuda,
            on_bad_step=self._tell_bad_step,
            parts_of_loss=lambda: criterion.parts,
            scaling=training.scaling,
        )
        self._saved = time.monotonic()

    def save(self, *, epoch_ended: bool = False) -> None:
        """Writes a checkpoint of the training as it is."""
        self.guard.settle()
        state = {**self.facts, **self.training.state_dict()}
        self.run.save(self.training.history, state, epoch_ended=epoch_ended)
        self._saved = time.monotonic()

    def after_step(self) -> None:
        """Moves the schedule on, saves where it is time to, and ends the process where a signal asked for it."""
        self.training.schedule.after_step()
        if self.stop.requested is not None or time.monotonic() - self._saved > 60 * self.minutes:
            self.save()
        self._stop_if_asked()

    def after_scoring_step(self, logits: Tensor | None = None) -> None:
        """Between two batches of a validation, which a resumed run repeats from its first batch."""
        if self.stop.requested is not None:
            self.save()
        self._stop_if_asked()

    def after_epoch(self) -> None:
        self.save(epoch_ended=True)
        self._stop_if_asked()

    def _tell_bad_step(self, bad: WatchedStep) -> None:
        path, ids = self.run.path / "diverged.pth", self.loader.ids_of(bad.step)
        save_bad_step(bad, path, epoch=self.training.progress.epoch, ids=ids, model=self.training.model)

    def _stop_if_asked(self) -> None:
        done, steps = len(self.training.history.rows), self.training.progress.steps
        at = f"after {steps} steps of epoch {done + 1}" if steps else f"after epoch {done}"
        self.stop.check(f"{at}; saved in {self.run.path}, --resume goes on")
