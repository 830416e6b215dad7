"""What every loader of a training offers besides its batches."""

from __future__ import annotations

from torch.utils.data import Sampler

from datasets.samples import TrainingSet


class EpochLoader:
    """One epoch after the other, in the order of `batch_sampler`, of keys whose images `source` names.

    Attributes:
        source: key → sample.
        batch_sampler: lists of keys; has `epoch`, `done`, `batch(number)` and `micro_batches(number)`, as
            `EpochBatches`.
    """

    source: TrainingSet
    batch_sampler: Sampler

    def start(self, *, epoch: int, done: int = 0) -> None:
        """Makes the next iteration that of `epoch`, without its first `done` batches."""
        self.batch_sampler.epoch, self.batch_sampler.done = epoch, done

    def micro_batches(self, number: int) -> tuple[list[int], float]:
        """See `EpochBatches.micro_batches`."""
        return self.batch_sampler.micro_batches(number)

    def ids_of(self, number: int) -> list[str]:
        """The images of a batch of this epoch, from 0."""
        return [self.source.id_of(key) for key in self.batch_sampler.batch(number)]
