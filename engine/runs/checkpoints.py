"""This module decides when a training is saved, and when a signal may end it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

from engine.hints import print_hint
from engine.history import History
from engine.runs.run_folder import RunFolder
from engine.training import Training
from system.signals import StopSignals


class Log(Protocol):
    """Something that people watch a training by. It never raises."""

    def after_epoch(self, history: History) -> None: ...

    def finish(self, history: History) -> None: ...


class Checkpoints:
    """Saves a training at the end of each epoch, every few minutes within an epoch, and after a signal.

    Args:
        logs: are kept up to date by the first rank after each epoch.
        constants: the keys of a checkpoint that never change: config, classes, truth, reader, normalisation, data, …
        minutes: a checkpoint is due this many minutes after the last one; it is written at the end of the step.
    """

    def __init__(
        self,
        run: RunFolder,
        training: Training,
        stop: StopSignals,
        logs: Sequence[Log] = (),
        *,
        constants: Mapping[str, object],
        minutes: float,
    ) -> None:
        self.run, self.training, self.stop, self.ranks = run, training, stop, training.ranks
        self.logs, self.constants, self.minutes = logs, constants, minutes
        self._saved = time.monotonic()

    def save(self, *, epoch_ended: bool = False, pooled: bool = False) -> None:
        """Writes a checkpoint of the training as it is. All ranks have to call it, and the first one writes.

        Args:
            pooled: the first rank has the progress of all ranks already, so it saves alone.
        """
        self.training.guard.settle()
        gather = self.training.progress.steps and not pooled and not self.ranks.alone
        later_ranks = self.ranks.gathered(self.training.progress.state_dict())[1:] if gather else []
        if self.ranks.is_first:
            state = {**self.constants, **self.training.state_dict(later_ranks)}
            self.run.save(self.training.history, state, epoch_ended=epoch_ended)
        self._saved = time.monotonic()

    def after_step(self) -> None:
        """Saves if it is time to, and ends the process if a signal asked for it."""
        due = time.monotonic() - self._saved > 60 * self.minutes
        stop, due = self.ranks.agree(self.stop.requested, due)
        if stop is not None or due:
            self.save()
        self._stop_if_asked(stop)

    def after_scoring_step(self, logits: Tensor | None = None) -> None:
        """Saves and ends the process if a signal asked for it. Call it after each batch of a validation.

        A resumed run repeats the validation from its first batch. The ranks have different numbers of batches and
        cannot meet here. So the first rank saves alone, and a signal to another rank waits for the end of the epoch.
        """
        if self.stop.requested is not None and self.ranks.is_first:
            self.save(pooled=True)
            self._stop_if_asked(self.stop.requested)

    def after_epoch(self) -> None:
        """Saves, writes the logs, and ends the process if a signal asked for it."""
        self.save(epoch_ended=True)
        print_hint(self.training.history.rows)  # after the save, so that no resumed run prints it again
        stop = self.ranks.agree(self.stop.requested, False)[0]
        if stop is None and self.ranks.is_first:  # a stop does not wait for a picture
            for log in self.logs:
                log.after_epoch(self.training.history)
        self._stop_if_asked(stop)

    def finish(self) -> None:
        """Completes the logs of a training that is done, and ends the process if a signal asked for it meanwhile."""
        if self.ranks.is_first:
            for log in self.logs:
                log.finish(self.training.history)
        self._stop_if_asked(self.ranks.agree(self.stop.requested, False)[0])

    def _stop_if_asked(self, number: int | None) -> None:
        """Ends the process if this rank or another received the signal `number`; None stands for no signal."""
        if number is None:
            return
        self.stop.requested = number
        done, steps = len(self.training.history.rows), self.training.progress.steps
        at = f"after {steps} steps of epoch {done + 1}" if steps else f"after epoch {done}"
        self.stop.check(f"{at}; saved in {self.run.path}, --resume goes on")
