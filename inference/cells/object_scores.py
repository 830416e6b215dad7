"""Scores the cells of a set of images: it decodes the logits of each image and compares them with its label map."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from torch import Tensor

from inference.cells.decoding import Decoding, decode
from metrics import InstanceCounts
from tasks.task import Task

# Estimates of the fastest networks that the shipped configurations train. They stand in place of a measurement, because
# log.csv must not depend on the time that something took.
SECONDS_PER_MEGAPIXEL = {"decoding": 0.06, "training on a CPU": 1.0, "training on a GPU": 0.03}
SHARE = 0.1  # of an epoch's training, for the decoding of the validation part


def epochs_between_decodes(*, trained: int, scored: int, on_gpu: bool) -> int:
    """Returns n such that decoding in every n-th epoch takes at most about a tenth of the time of the training.

    Args:
        trained, scored: pixels that an epoch trains on, and pixels of the validation part.
    """
    training = trained * SECONDS_PER_MEGAPIXEL["training on a GPU" if on_gpu else "training on a CPU"]
    return max(1, math.ceil(scored * SECONDS_PER_MEGAPIXEL["decoding"] / (SHARE * training)))


class ObjectScores:
    """Finds the cells of whole images, and scores them against label maps of the same size.

    Args:
        task: turns logits into maps.
        truth: the label maps [H, W] of the images, in the order in which their logits come.
        how: how maps become cells.

    Attributes:
        counts: the counts of all images so far.
    """

    def __init__(self, task: Task, truth: Iterable[np.ndarray], how: Decoding) -> None:
        self.task, self.how, self.counts = task, how, InstanceCounts()
        self._truth = iter(truth)

    def update(self, logits: Tensor) -> None:
        """Adds the next N images; `logits` is [N, C, H, W]."""
        for maps in self.task.maps(logits.float()).cpu().numpy():
            self.counts.update(next(self._truth), decode(maps, self.how).labels)

    def columns(self) -> dict[str, float]:
        """Returns the scores that log.csv has: `ap_50` and `ap`, see `InstanceCounts.compute`."""
        scores = self.counts.compute()
        return {name: scores[name] for name in ("ap_50", "ap")}

    def state_dict(self) -> dict:
        return self.counts.state_dict()

    def load_state_dict(self, state: Mapping) -> None:
        self.counts.load_state_dict(state)
