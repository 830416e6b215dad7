"""The exit code and the one message that each kind of failure ends a script with."""

import errno
import os
import pickle
import subprocess
import sys

import pytest
import torch

from system.errors import DataError, FileError, Stopped, run_script


def failing(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (DataError("a.png: broken"), 3, "error: a.png: broken"),
        (FileError("a.png", found="broken", fix="replace it"), 3, "error: a.png: broken; replace it"),
        (Stopped(15, "stopped"), 143, "stopped"),
        (Stopped(2, "stopped"), 130, "stopped"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "x.png"), 6, "error: x.png: No space left"),
        (OSError(errno.EACCES, os.strerror(errno.EACCES), "x.png"), 6, "correct the access rights"),
        (
            MemoryError(),
            5,
            "error: out of memory (MemoryError); end other programs, or take a machine with more memory",
        ),
        (torch.OutOfMemoryError("CUDA out of memory.\nTried"), 5, "error: out of memory (CUDA out of memory.)"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 5, "error: out of memory"),
    ],
)
def test_each_ends_with_its_code_and_a_message(error, code, told, capsys):
    assert run_script(failing(error), debug=False) == code
    assert told in capsys.readouterr().err


def test_a_script_says_how_it_saves_memory(capsys):
    assert run_script(failing(MemoryError()), debug=False, save_memory="lower data.crop") == 5
    assert "end other programs, or lower data.crop" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), FileNotFoundError(errno.ENOENT, "no", "x"), KeyError("x")]
)
def test_mistakes_of_ours_keep_their_traceback(error):
    with pytest.raises(type(error)):
        run_script(failing(error), debug=False)


def test_the_error_of_a_file_survives_the_way_to_another_process():
    error = FileError("a: b; c.png", found="text 'd; e'", fix="f: g; h", kind="unreadable")
    arrived = pickle.loads(pickle.dumps(error))
    assert type(arrived) is FileError
    assert (arrived.file, arrived.found, arrived.fix, arrived.kind) == (
        "a: b; c.png",
        "text 'd; e'",
        "f: g; h",
        "unreadable",
    )
    assert str(arrived) == str(error) == "a: b; c.png: text 'd; e'; f: g; h"


def test_a_stop_does_not_take_torch_apart():
    """`atexit` runs in an ordinary exit, and not in one after a signal."""
    ended = []
    for code in (143, 3):
        script = f"import atexit; from system.errors import leave; atexit.register(print, 'apart'); leave({code})"
        ended.append(subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60))
    assert [done.returncode for done in ended] == [143, 3]
    assert [done.stdout for done in ended] == ["", "apart\n"]
