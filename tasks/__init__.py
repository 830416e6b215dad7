"""A task says what the channels of a network mean. Each task has its own file.

`TASKS` can be read without torch, so that a wrong configuration is refused before torch loads. A new task needs its own
file, one line in this table, and its tests.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass

from system.lazy import load

if typing.TYPE_CHECKING:
    from tasks.task import Task


@dataclass(frozen=True)
class TaskEntry:
    """Says where a task is, what its losses receive, and how its cells can be found.

    Attributes:
        target: "mask": one sigmoid channel, whose target is float {0, 1}; "masks": K such channels; "indices": K
            softmax channels, whose target is class indices.
        where: "module:Class", which is imported when a run needs it; or the class itself.
        methods: names of `inference.cells.decoding.METHODS` that turn the maps of the task into cells. The first is the
            default.
        instances: whether the task separates cells. Its training then scores cells, too.
    """

    target: str
    where: str | type[Task]
    methods: tuple[str, ...] = ()
    instances: bool = False

    def fits(self, truth: str, classes: int) -> bool:
        """Whether the task makes the most of such data: a task with cells of label maps, and another one of the rest.

        Args:
            truth: "masks", "labels" (label maps) or "classes" (class maps).
            classes: their number, without the background.
        """
        if classes > 1:
            return self.target == ("indices" if truth == "classes" else "masks")
        return self.target == "mask" and self.instances == (truth == "labels")


MASK_METHODS = ("watershed", "components")

# `task` of a configuration → the task.
TASKS: dict[str, TaskEntry] = {
    "binary": TaskEntry("mask", "tasks.binary:Binary", MASK_METHODS),
    "multilabel": TaskEntry("masks", "tasks.multilabel:Multilabel"),
    "multiclass": TaskEntry("indices", "tasks.multiclass:Multiclass"),
    "distance": TaskEntry("mask", "tasks.distance:Distance", ("distance", *MASK_METHODS), instances=True),
    "border": TaskEntry("mask", "tasks.border:Border", ("border", *MASK_METHODS), instances=True),
}


def load_task(name: str) -> type[Task]:
    """Returns the class of the task that a configuration chooses with `task: name`."""
    where = TASKS[name].where
    return load(where) if isinstance(where, str) else where


def task_for(truth: str, classes: int) -> str:
    """Returns the name of the first task of the table that fits such data; see `TaskEntry.fits`."""
    return next(name for name, entry in TASKS.items() if entry.fits(truth, classes))


def tasks_with(targets: typing.Container[str]) -> list[str]:
    """Returns the names of the tasks whose losses receive one of these kinds of targets, in the order of the table."""
    return [name for name, entry in TASKS.items() if entry.target in targets]


def tasks_with_cells() -> list[str]:
    """Returns the names of the tasks whose maps can become cells, in the order of the table."""
    return [name for name, entry in TASKS.items() if entry.methods]
