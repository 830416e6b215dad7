"""One process per run folder."""

import errno
import os
import subprocess
import sys

import pytest

from engine.history import History
from engine.runs.lock import FolderLock
from engine.runs.run_folder import RunFolder
from system.errors import LockedError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the kernel there has no such lock")

HOLD = """
import sys; from pathlib import Path; from engine.runs.lock import FolderLock
FolderLock(Path(sys.argv[1])).claim()
print("held", flush=True); sys.stdin.read()
"""


SECOND = """
from engine.history import History; from engine.runs.run_folder import RunFolder
with RunFolder(path) as run:
    run.lock.claim()
    run.save(History(), {"epoch": 7}, epoch_ended=False)
"""


def in_another_process(path, code):
    """Runs `code`, which may use `path`; raises LockedError with the message of its error."""
    start = "import sys; from pathlib import Path; from engine.runs.lock import FolderLock; path = Path(sys.argv[1])\n"
    done = subprocess.run([sys.executable, "-c", start + code, str(path)], capture_output=True, text=True)
    if done.returncode:
        raise LockedError(done.stderr)


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
    lock = FolderLock(tmp_path / "run")
    for _ in range(3):  # each checkpoint makes sure of the lock
        lock.claim()
    assert capsys.readouterr().out.count("has no file locks; start no second run") == 1
    assert not lock.path.exists()


def test_a_lock_file_that_was_removed_is_made_again(tmp_path, capsys):
    with RunFolder(tmp_path / "run") as run:
        run.open(resume=True, fresh=False)
        run.start(config_yaml="", split_csv="")
        assert capsys.readouterr().out == ""
        run.lock.path.unlink()
        run.save(History(), {"epoch": 0}, epoch_ended=False)
        assert "somebody removed" in capsys.readouterr().out
        with pytest.raises(LockedError, match=f"in use by process {os.getpid()} "):
            in_another_process(tmp_path / "run", "FolderLock(path).claim()")
        run.save(History(), {"epoch": 0}, epoch_ended=False)
        assert capsys.readouterr().out == ""


def test_of_two_processes_only_one_writes(tmp_path):
    """Somebody removes the lock file of a live run. A second process takes the folder, and the first one stops."""
    with RunFolder(tmp_path / "run") as run:
        run.open(resume=True, fresh=False)
        run.start(config_yaml="", split_csv="")
        run.save(History(), {"epoch": 0}, epoch_ended=False)
        run.lock.path.unlink()
        words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout.readline() == "held\n"
            before = (tmp_path / "run" / "last.pth").read_bytes()
            with pytest.raises(LockedError, match=f"run is in use by process {second.pid} on"):
                run.save(History(), {"epoch": 1}, epoch_ended=False)
            assert (tmp_path / "run" / "last.pth").read_bytes() == before
            run.lock.release()
            assert run.lock.path.exists()  # it is the second's
            second.stdin.close()


def test_the_work_of_a_second_process_that_has_ended_is_kept(tmp_path):
    with RunFolder(tmp_path / "run") as run:
        run.open(resume=True, fresh=False)
        run.start(config_yaml="", split_csv="")
        run.save(History(), {"epoch": 0}, epoch_ended=False)
        run.lock.path.unlink()
        in_another_process(tmp_path / "run", SECOND)
        assert run.load("last")["epoch"] == 7
        with pytest.raises(LockedError, match="another process has trained there since") as refused:
            run.save(History(), {"epoch": 1}, epoch_ended=False)
        assert refused.value.exit_code == 7
        assert run.load("last")["epoch"] == 7


def test_a_run_that_was_resumed_in_turns_is_no_second_process(tmp_path):
    """The control: a changed last.pth alone stops nobody who has the lock."""
    with RunFolder(tmp_path / "run") as run:
        run.open(resume=True, fresh=False)
        run.start(config_yaml="", split_csv="")
        run.save(History(), {"epoch": 0}, epoch_ended=False)
        os.utime(tmp_path / "run" / "last.pth", (0, 0))
        run.save(History(), {"epoch": 1}, epoch_ended=False)
        assert run.load("last")["epoch"] == 1


def test_temporary_files_of_a_killed_process_are_removed_by_the_owner_of_the_lock_only(tmp_path):
    leftover = tmp_path / "run" / ".last.pth.tmp4711"
    leftover.parent.mkdir()
    others = [leftover.with_name(name) for name in (".last.pth.tmp", "last.pth.tmp4711", ".gitkeep")]
    for path in (leftover, *others):
        path.write_text("x")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        with RunFolder(tmp_path / "run") as run, pytest.raises(LockedError):
            run.open(resume=True, fresh=False)
        assert leftover.exists()  # its owner may be writing it
        process.stdin.close()
    with RunFolder(tmp_path / "run") as run:
        run.open(resume=True, fresh=False)
        assert [path.exists() for path in (leftover, *others)] == [False, True, True, True]
