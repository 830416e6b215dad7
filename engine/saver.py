"""When a training is saved, and when a signal may end it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from torch import Tensor

from engine.divergence import UpdateGuard
from engine.run_folder import RunFolder
from engine.signals import StopSignals
from engine.training import Training


class Saver:
    """Saves a training at each epoch's end, every few minutes within it, and when a signal has come.

    Args:
        facts: what of a checkpoint never changes: config, classes, reader, normalisation, data.
        minutes: longest time between two checkpoints, to the end of the step.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Training,
        guard: UpdateGuard,
        stop: StopSignals,
        *,
        facts: Mapping[str, object],
        minutes: float,
    ) -> None:
        self.run, self.training, self.guard, self.stop = run, training, guard, stop
        self.facts, self.minutes = facts, minutes
        self._saved = time.monotonic()

    def save(self, *, epoch_ended: bool = False) -> None:
        """Writes a checkpoint of the training as it is."""
        self.guard.settle()
        state = {**self.facts, **self.training.state_dict()}
        self.run.save(self.training.history, state, epoch_ended=epoch_ended)
        self._saved = time.monotonic()

    def after_step(self) -> None:
        """Between two steps: saves where it is time to, and ends the process where a signal asked for it."""
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

    def _stop_if_asked(self) -> None:
        done, steps = len(self.training.history.rows), self.training.progress.steps
        at = f"after {steps} steps of epoch {done + 1}" if steps else f"after epoch {done}"
        self.stop.check(f"{at}; saved in {self.run.path}, --resume goes on")
