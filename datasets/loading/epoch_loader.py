"""The base class of the loaders of a training."""

from __future__ import annotations

from torch.utils.data import Sampler

from datasets.loading.training_set import TrainingSet


class EpochLoader:
    """Loads the batches of one epoch after the other, in the order of `batch_sampler`. It is a context.

    Attributes:
        source: turns a key into a sample, and names the image of a key.
        batch_sampler: yields lists of keys. Like `EpochBatches` it has `epoch`, `done`, `batch(number)` and
            `micro_batches(number)`.
    """

    source: TrainingSet
    batch_sampler: Sampler

    def __enter__(self) -> EpochLoader:
        return self

    def __exit__(self, *exception: object) -> None:
        """Does nothing here; a loader with processes ends them."""

    def start(self, *, epoch: int, done: int = 0) -> None:
        """Makes the next iteration run over `epoch`, without the first `done` batches of this epoch."""
        self.batch_sampler.epoch, self.batch_sampler.done = epoch, done

    def micro_batches(self, number: int) -> tuple[list[int], float]:
        """See `EpochBatches.micro_batches`."""
        return self.batch_sampler.micro_batches(number)

    def ids_of(self, number: int) -> list[str]:
        """Returns the ids of the images in the batch with this number, from 0, in the current epoch."""
        return [self.source.id_of(key) for key in self.batch_sampler.batch(number)]
