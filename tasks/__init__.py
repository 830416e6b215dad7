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
    """Says where a task is, and what its losses receive.

    Attributes:
        target: "mask": one sigmoid channel, whose target is float {0, 1}; "masks": K such channels; "indices": K
            softmax channels, whose target is class indices.
        where: "module:Class", which is imported when a run needs it; or the class itself.
    """

    target: str
    where: str | type[Task]


# (`task`, `data.target`) of a configuration → the task.
TASKS: dict[tuple[str, str], TaskEntry] = {
    ("binary", "masks"): TaskEntry("mask", "tasks.binary:Binary"),
    ("multilabel", "masks"): TaskEntry("masks", "tasks.multilabel:Multilabel"),
    ("multiclass", "masks"): TaskEntry("indices", "tasks.multiclass:Multiclass"),
    ("multiclass", "border"): TaskEntry("indices", "tasks.border:Border"),
}


def load_task(name: str, target: str) -> type[Task]:
    """Returns the class of the task that a configuration chooses with `task: name` and `data.target: target`."""
    where = TASKS[name, target].where
    return load(where) if isinstance(where, str) else where


def task_names() -> list[str]:
    """Returns the allowed values of `task`, in the order of the table."""
    return list(dict.fromkeys(name for name, _ in TASKS))


def target_names() -> list[str]:
    """Returns the allowed values of `data.target`, in the order of the table."""
    return list(dict.fromkeys(target for _, target in TASKS))


def tasks_with(targets: typing.Container[str]) -> list[str]:
    """Returns the names of the tasks whose losses receive one of these kinds of targets, in the order of the table."""
    return list(dict.fromkeys(name for (name, _), entry in TASKS.items() if entry.target in targets))
