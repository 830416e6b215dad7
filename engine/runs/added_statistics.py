"""Adds the statistics of the training images to the checkpoints of a run that has none."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

from engine.runs.checkpoint_file import save_checkpoint
from engine.runs.run_folder import RunFolder
from system.errors import CheckpointError


def add_statistics(run: RunFolder, measure: Callable[[dict], Mapping[str, object]]) -> list[str]:
    """Adds the statistics to those checkpoints that lack them. All else in them stays.

    A damaged last.pth or previous.pth is left as it is.

    Args:
        run: it has to be released afterwards.
        measure: the state of best.pth → the statistics. It is not called if nothing is lacking.

    Returns:
        The names of the changed files.

    Raises:
        LockedError: a live process works in the folder.
        CheckpointError: there is no such run, or best.pth is absent or damaged.
        DiskError: a checkpoint cannot be written. It is still there, unchanged.
    """
    states = {"best": run.load("best")}
    run.lock.claim()
    for which in ("last", "previous"):
        with contextlib.suppress(CheckpointError):
            states[which] = run.load(which)
    lacking = {which: state for which, state in states.items() if not state.get("statistics")}
    statistics = measure(states["best"]) if lacking else {}
    for which, state in lacking.items():
        state.pop("format")
        save_checkpoint(run.path / f"{which}.pth", state | {"statistics": statistics})
    return [f"{which}.pth" for which in lacking]
