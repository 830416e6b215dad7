"""Which outputs of a network can start from the outputs of another one, which was trained for another task."""

from __future__ import annotations

from tasks.task import Task


def fitting_outputs(own: Task, given: Task) -> dict[str, int | None]:
    """Finds for each channel of `own` the channel of `given` that says the same.

    Within one task with the same number of channels each takes its counterpart, whatever the classes are called. So
    the nuclei of one set help to find the cells of another.

    Returns:
        What each channel says → the number of the channel of `given`, from 0; None if there is no such channel.
    """
    if type(own) is type(given) and len(own.channels) == len(given.channels):
        return {meaning: number for number, meaning in enumerate(own.meanings)}
    known = {meaning: number for number, meaning in enumerate(given.meanings)}
    return {meaning: known.get(meaning) for meaning in own.meanings}
