"""Configuration → how maps become cells, and how they are scored during a training."""

from __future__ import annotations

from assemble.data import validated
from datasets.loading.loaders import stretch
from datasets.survey import TrainingData
from engine.distributed import ALONE, Ranks
from engine.schema.config import Config
from inference.cells.decoding import Decoding, decoding_by
from inference.cells.object_scores import ObjectScores
from tasks import TASKS


def object_scores(config: Config, data: TrainingData, epoch: int, ranks: Ranks = ALONE) -> ObjectScores | None:
    """Returns a new scorer of the cells of this rank's share of the validation part.

    It is None if the task does not separate cells, or if this epoch does not score them.
    """
    every = config.train.decode_every
    if not TASKS[config.task].instances or ((epoch - 1) % every and epoch < config.train.epochs):
        return None
    scored = validated(config, data)
    labels = (data.val.labels(scored[place]) for place in stretch(len(scored), ranks.rank, ranks.count))
    return ObjectScores(data.task, labels, decoding(config))


def decoding(config: Config) -> Decoding | None:
    """Returns how the maps of a run become cells; None if its task has no cells."""
    method = config.decode_method
    return method and decoding_by(method, **config.decode.given())
