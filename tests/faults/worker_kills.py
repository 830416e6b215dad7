"""Kills a data worker of a training with SIGKILL: at a chosen place of the training, or at a moment from outside."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

PLACES = ("step", "validation", "save", "epoch")


def kill_at(place: str, *, call: int, worker: int) -> None:
    """Makes the training of this process lose a worker just before it does the same thing for the `call`-th time.

    Args:
        place: "step": a training step. "validation": the look for a signal after a scored batch. "save": the flush of
            a file to the disk. "epoch": the work after an epoch.
        call: counted from 0, and only while there are workers.
        worker: the number of the worker; numbers beyond the last one start again from the first.
    """
    from engine.runs.checkpoints import Checkpoints
    from engine.training import Training

    owner, name = {
        "step": (Training, "step"),
        "validation": (Checkpoints, "after_scoring_step"),
        "save": (os, "fsync"),
        "epoch": (Checkpoints, "after_epoch"),
    }[place]
    function, left = getattr(owner, name), [call]

    def watched(*arguments, **keywords):
        workers = multiprocessing.active_children()
        if workers:
            if left[0] == 0:
                os.kill(workers[worker % len(workers)].pid, signal.SIGKILL)
            left[0] -= 1
        return function(*arguments, **keywords)

    setattr(owner, name, watched)


def kill_from_outside(process: int, *, after: float, worker: int) -> bool:
    """Waits until this process has workers, and `after` more seconds, and kills one. False if it ended before."""
    killing_time = None
    while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        try:
            workers = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        except OSError:
            return False
        if killing_time is None and workers:
            killing_time = time.monotonic() + after
        if killing_time is not None and time.monotonic() >= killing_time and workers:
            os.kill(int(workers[worker % len(workers)]), signal.SIGKILL)
            return True
        time.sleep(0.001)
    return False
