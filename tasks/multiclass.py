"""The task `multiclass`: a softmax over the background and the classes gives every pixel one class."""

from __future__ import annotations

from system.errors import DataError
from tasks.softmax import SoftmaxTask
from tasks.task import TaskOptions
from tasks.truth import ExclusiveMaskFiles, MaskFiles, Truth

BACKGROUND = "background"


class Multiclass(SoftmaxTask):
    """Its truth is class maps; or a folder of masks for each class, where the background is what no mask covers."""

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Multiclass:
        if not isinstance(truth, MaskFiles):
            return cls(truth.classes, truth, options)
        if BACKGROUND in truth.classes:
            raise DataError(
                f"{truth.where / BACKGROUND}: in a multiclass task the background is what no mask covers; "
                "remove this folder"
            )
        exclusive = ExclusiveMaskFiles(truth.where, truth.classes, truth.threshold)
        return cls((BACKGROUND, *truth.classes), exclusive, options)
