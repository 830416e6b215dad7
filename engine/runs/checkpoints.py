"""When a training is saved, and when a signal may end it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from engine.divergence import UpdateGuard, WatchedStep, save_bad_step
from engine.loops import Criterion
from engine.runs.run_folder import RunFolder
from engine.training import Training
from system.errors import DivergedError
from system.signals import StopSignals


class Loader(Protocol):
    """A loader that can say which images a batch of the epoch under way has."""

    def ids_of(self, number: int) -> list[str]: ...


class Saver:
    """Saves a training at each epoch's end, every few minutes within it, and when a signal has come.

    Attributes:
        guard: for the training's steps; a bad batch is saved as diverged.pth.

    Args:
        loader: names the images of a batch.
        criterion: its `term_values` are told of a bad step.
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
        self.ranks = training.ranks
        self.facts, self.minutes = facts, minutes
        self.guard = UpdateGuard(
            training.optimizer,
            deferred=training.runtime.on_cuda,
            on_bad_step=self._tell_bad_step,
            parts_of_loss=lambda: criterion.term_values,
            scaling=training.scaling,
            everywhere=self.ranks.everywhere,
        )
        self._saved = time.monotonic()

    def save(self, *, epoch_ended: bool = False, pooled: bool = False) -> None:
        """Writes a checkpoint of the training as it is. All ranks have to call it, and the first one writes.

        Args:
            pooled: the first rank has the others' progress already, and saves without them.
        """
        self.guard.settle()
        within = self.training.progress.steps and not pooled
        others = self.ranks.gathered(self.training.progress.state_dict())[1:] if within and not self.ranks.alone else []
        if self.ranks.is_first:
            state = {**self.facts, **self.training.state_dict(others)}
            self.run.save(self.training.history, state, epoch_ended=epoch_ended)
        self._saved = time.monotonic()

    def after_step(self) -> None:
        """Moves the schedule on, saves where it is time to, and ends the process where a signal asked for it."""
        self.training.schedule.after_step()
        due = time.monotonic() - self._saved > 60 * self.minutes
        stop, due = self.ranks.agree(self.stop.requested, due)
        if stop is not None or due:
            self.save()
        self._stop_if_asked(stop)

    def after_scoring_step(self, logits: Tensor | None = None) -> None:
        """Between two batches of a validation, which a resumed run repeats from its first batch.

        Ranks have different numbers of them: the first one saves without asking, the others' signals wait.
        """
        if self.stop.requested is not None and self.ranks.is_first:
            self.save(pooled=True)
            self._stop_if_asked(self.stop.requested)

    def after_epoch(self) -> None:
        self.save(epoch_ended=True)
        self._stop_if_asked(self.ranks.agree(self.stop.requested, False)[0])

    def _tell_bad_step(self, bad: WatchedStep) -> None:
        # The gradient, and in fp16 the flag, is that of all ranks, and so all come here in the same step.
        found = self.ranks.gathered((bad if self.ranks.alone else bad.on_host(), self.loader.ids_of(bad.step)))
        bad, ids = next((one for one in found if not one[0].loss.isfinite()), found[0])
        if not self.ranks.is_first:
            raise DivergedError(f"step {bad.step + 1}: the loss is {bad.loss.item()}")  # the first rank tells it
        path = self.run.path / "diverged.pth"
        save_bad_step(bad, path, epoch=self.training.progress.epoch, ids=ids, model=self.training.model)

    def _stop_if_asked(self, number: int | None) -> None:
        """Ends the process if a signal of this number came, to this rank or another."""
        if number is None:
            return
        self.stop.requested = number
        done, steps = len(self.training.history.rows), self.training.progress.steps
        at = f"after {steps} steps of epoch {done + 1}" if steps else f"after epoch {done}"
        self.stop.check(f"{at}; saved in {self.run.path}, --resume goes on")
