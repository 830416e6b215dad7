"""When a training is saved, and when a signal may end it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from torch import Tensor

from engine.runs.run_folder import RunFolder
from engine.training import Training
from system.signals import StopSignals


class Checkpoints:
    """Saves a training at each epoch's end, every few minutes within it, and when a signal has come.

    Args:
        constants: the keys of a checkpoint that never change: config, classes, reader, normalisation, data.
        minutes: longest time between two checkpoints, to the end of the step.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Training,
        stop: StopSignals,
        *,
        constants: Mapping[str, object],
        minutes: float,
    ) -> None:
        self.run, self.training, self.stop, self.ranks = run, training, stop, training.ranks
        self.constants, self.minutes = constants, minutes
        self._saved = time.monotonic()

    def save(self, *, epoch_ended: bool = False, pooled: bool = False) -> None:
        """Writes a checkpoint of the training as it is. All ranks have to call it, and the first one writes.

        Args:
            pooled: the first rank has the others' progress already, and saves without them.
        """
        self.training.guard.settle()
        within = self.training.progress.steps and not pooled
        others = self.ranks.gathered(self.training.progress.state_dict())[1:] if within and not self.ranks.alone else []
        if self.ranks.is_first:
            state = {**self.constants, **self.training.state_dict(others)}
            self.run.save(self.training.history, state, epoch_ended=epoch_ended)
        self._saved = time.monotonic()

    def after_step(self) -> None:
        """Saves where it is time to, and ends the process where a signal asked for it."""
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

    def _stop_if_asked(self, number: int | None) -> None:
        """Ends the process if a signal of this number came, to this rank or another."""
        if number is None:
            return
        self.stop.requested = number
        done, steps = len(self.training.history.rows), self.training.progress.steps
        at = f"after {steps} steps of epoch {done + 1}" if steps else f"after epoch {done}"
        self.stop.check(f"{at}; saved in {self.run.path}, --resume goes on")
