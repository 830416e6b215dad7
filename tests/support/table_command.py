"""train.py as a command whose outputs/ lie in a temporary folder, for the commands that start it."""

import sys

from benchmarks.table.__main__ import ROOT

TRAIN = """
import os, signal, sys
sys.path.insert(0, {code!r})
from pathlib import Path
import train
from system.errors import run_script
train.ROOT = Path({root!r})
if {kill}:
    from engine.runs.checkpoints import Checkpoints
    after = Checkpoints.after_epoch
    Checkpoints.after_epoch = lambda self: (after(self), os.kill(os.getpid(), signal.SIGKILL))
sys.exit(run_script(train.main))
"""


def command(root, *, kill=False):
    """Starts train.py with outputs/ below `root`; with `kill` it is killed after its first epoch."""
    return [sys.executable, "-c", TRAIN.format(code=str(ROOT), root=str(root), kill=kill)]
