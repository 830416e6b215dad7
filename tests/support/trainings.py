"""Trainings of networks small enough to follow by hand."""

from torch import nn

from engine.device import choose_runtime
from engine.distributed import ALONE
from engine.optimisers import build_schedule
from engine.training import Training
from losses import DeepSupervisionLoss
from tasks.binary import Binary

CPU = choose_runtime("cpu", "fp32")
BINARY = Binary(("cell",))


class Batches:
    """Gives the batches of a list or a loader, as the loader of a training does; they are the same in every epoch."""

    def __init__(self, batches):
        self.batches, self.done = batches, 0

    def start(self, *, epoch, done):
        self.epoch, self.done = epoch, done

    def micro_batches(self, step):
        return None, 1.0

    def __len__(self):
        return len(self.batches)

    def __iter__(self):
        return (batch for number, batch in enumerate(self.batches) if number >= self.done)


def training_of(model, optimizer, loss=None, *, runtime=CPU, task=BINARY, ranks=ALONE, **settings):
    """A training at a constant rate; the loss is binary cross-entropy unless one is given."""
    criterion = DeepSupervisionLoss(nn.BCEWithLogitsLoss() if loss is None else loss)
    schedule = build_schedule("constant", optimizer, epochs=1, steps_per_epoch=1)
    return Training(model, criterion, optimizer, schedule, task, runtime, ranks, **settings)
