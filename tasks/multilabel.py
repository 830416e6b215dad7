"""The task `multilabel`: the classes may overlap, and each has its own sigmoid channel."""

from __future__ import annotations

from tasks.sigmoid import SigmoidTask
from tasks.task import TaskOptions
from tasks.truth import ClassMaps, Truth


class Multilabel(SigmoidTask):
    """Its truth is a folder of masks for each class, or class maps, whose background gets no channel."""

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Multilabel:
        return cls(truth.classes[int(isinstance(truth, ClassMaps)) :], truth, options)
