"""The task `binary`: one sigmoid channel says whether a pixel is foreground."""

from __future__ import annotations

from system.errors import DataError
from tasks.sigmoid import SigmoidTask
from tasks.task import FOREGROUND, TaskOptions
from tasks.truth import ClassMaps, Truth


class Binary(SigmoidTask):
    """Has one class. Its truth is masks of this class, or class maps of the background and this class."""

    @property
    def meanings(self) -> tuple[str, ...]:
        return (FOREGROUND,)

    @classmethod
    def for_truth(cls, truth: Truth, options: TaskOptions) -> Binary:
        names = ", ".join(truth.classes)
        if isinstance(truth, ClassMaps):
            if len(truth.classes) > 2:
                raise DataError(
                    f"{truth.where}: class maps of {len(truth.classes)} classes ({names}); set task: multiclass"
                )
            return cls(truth.classes[1:], truth, options)
        if len(truth.classes) > 1:
            raise DataError(
                f"{truth.where}: {len(truth.classes)} classes ({names}); set task: multilabel, or multiclass if they "
                "never overlap"
            )
        return cls(truth.classes, truth, options)
