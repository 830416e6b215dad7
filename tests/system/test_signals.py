"""What a signal does at once, later, and the second time."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from system.errors import Stopped, run_script
from system.signals import NUMBERS, StopSignals


@pytest.mark.parametrize("number", NUMBERS)
def test_at_once_before_the_first_step_and_deferred_after(number):
    name = signal.Signals(number).name
    before = signal.getsignal(number)
    with StopSignals(), pytest.raises(Stopped, match=f"stopped by {name} before the first step"):
        os.kill(os.getpid(), number)
    with StopSignals() as stop:
        stop.defer()
        stop.check("never told")
        os.kill(os.getpid(), number)
        assert stop.requested == number
        with pytest.raises(Stopped, match=f"stopped by {name} after 3 steps") as stopped:
            stop.check("after 3 steps")
    assert stopped.value.exit_code == {"SIGINT": 130, "SIGHUP": 129}.get(name, 143)
    assert signal.getsignal(number) == before


def test_these_signals_stop_a_training():
    wanted = {"SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"} & set(dir(signal))  # Windows has two of them
    assert {signal.Signals(number).name for number in NUMBERS} == wanted


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals of this kind")
def test_an_ignored_hang_up_stays_ignored():
    """nohup starts a program in this way."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop.requested is None
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# A program with steps that print, and a save after the signal. It gets a terminal, which then is closed.
PROGRAM = """
import sys, time
from pathlib import Path
from system.errors import leave, run_script
from system.signals import StopSignals

def main():
    with StopSignals() as stop:
        stop.defer()
        print("begun", flush=True)
        for step in range(1000):
            time.sleep(0.02)
            if stop.requested:
                print("saving", flush=True)
                Path(sys.argv[1]).write_text(f"saved after {step}")
            stop.check("after a step")

leave(run_script(main, debug=False))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="no terminals of this kind")
def test_a_closed_terminal_saves_and_ends_with_129(tmp_path):
    """After the close nothing can be printed, and this must not hide the exit code."""
    import pty

    root, saved = Path(__file__).resolve().parents[2], tmp_path / "saved"
    master, terminal = pty.openpty()
    # setsid --ctty would do the same: the session's controlling terminal hangs up when its other end is closed.
    own = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    command = [sys.executable, "-c", own + "os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"]
    process = subprocess.Popen([*command, PROGRAM, saved], stdin=terminal, stdout=terminal, stderr=terminal, cwd=root)
    os.close(terminal)
    assert os.read(master, 100).startswith(b"begun")
    time.sleep(0.1)
    os.close(master)
    assert process.wait(timeout=20) == 129
    assert saved.read_text().startswith("saved after")


def test_a_second_ctrl_c_does_not_wait():
    with StopSignals() as stop:
        stop.defer()
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_stop_is_no_error_that_a_library_could_catch(capsys):
    def main():
        try:
            raise Stopped(signal.SIGTERM, "stopped by SIGTERM")
        except Exception:
            pytest.fail("caught as an error")

    assert run_script(main, debug=False) == 143
    assert capsys.readouterr().err == "stopped by SIGTERM\n"
