"""Writes that fail, in the forms that they fail in."""

import subprocess
import sys

import pytest

from system.errors import DiskError
from system.files import staged_folder

FULL = """
import resource, signal, sys; from pathlib import Path; import torch
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from system.errors import DiskError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for room in map(int, sys.argv[2:]):
    path = Path(sys.argv[1]) / str(room) / "last.pth"
    save_checkpoint(path, {"n": torch.zeros(3)})
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    try:
        save_checkpoint(path, {"n": torch.zeros(3_000_000)})
    except DiskError as error:
        there = sorted(file.name for file in path.parent.iterdir())
        print("DiskError", error.exit_code, load_checkpoint(path)["n"].tolist(), there)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's files")
def test_a_disk_that_is_full_within_a_large_checkpoint(tmp_path):
    """torch.save turns the failed write into a RuntimeError; small checkpoints are written after it."""
    words = [sys.executable, "-c", FULL, str(tmp_path), "200000", "5000000", "11999000"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout == "DiskError 6 [0.0, 0.0, 0.0] ['last.pth']\n" * 3, done.stderr


def test_a_staged_folder_that_is_moved_away_while_it_is_filled(tmp_path):
    out = tmp_path / "run" / "val"

    def fill_while_the_run_is_moved():
        with staged_folder(out) as partial:
            (partial / "a.txt").write_text("1")
            (tmp_path / "run").rename(tmp_path / "run.1")
            (tmp_path / "run" / "val.partial").mkdir(parents=True)  # as the next write would

    with pytest.raises(DiskError, match="moved away before all results were in it"):
        fill_while_the_run_is_moved()
    assert not out.exists()
    assert (tmp_path / "run.1" / "val.partial" / "a.txt").read_text() == "1"
    with staged_folder(out) as partial:  # the control
        (partial / "a.txt").write_text("2")
    assert (out / "a.txt").read_text() == "2"
