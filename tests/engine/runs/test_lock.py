"""One process per run folder."""

import errno
import subprocess
import sys

import pytest

from engine.runs.lock import FolderLock
from engine.runs.run_folder import RunFolder
from system.errors import LockedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kernel there has no such lock")

HOLD = """
import sys; from pathlib import Path; from engine.runs.lock import FolderLock
FolderLock(Path(sys.argv[1])).claim()
print("held", flush=True); sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of tmp_path/run until its input is closed."""
    words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_second_process_is_refused_and_told_who_runs(holder, tmp_path):
    lock = FolderLock(tmp_path / "run")
    with pytest.raises(LockedError, match=rf"run is in use by process {holder.pid} on \S+ since 20\d\d-") as refused:
        lock.claim()
    assert refused.value.exit_code == 7
    holder.kill()  # the file stays, the lock does not
    holder.wait()
    assert lock.path.exists()
    lock.claim()
    lock.release()
    assert not lock.path.exists()


def test_another_folder_is_free(holder, tmp_path):
    lock = FolderLock(tmp_path / "other")
    lock.claim()
    lock.claim()  # twice by the same process is once
    lock.release()


def test_a_run_that_is_only_beginning_holds_its_folder(holder, tmp_path):
    """The lock must hold before the folder exists. Else a second --resume would overwrite the work of the first."""
    assert not (tmp_path / "run").exists()
    for choice in ({"resume": True, "fresh": False}, {"resume": False, "fresh": True}):
        with RunFolder(tmp_path / "run") as run, pytest.raises(LockedError):
            run.open(**choice)


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch, capsys):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("engine.runs.lock.fcntl.lockf", refuse)
    FolderLock(tmp_path / "run").claim()
    assert "has no file locks; start no second run" in capsys.readouterr().out
