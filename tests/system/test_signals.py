"""What a signal does at once, later, and the second time."""

import os
import signal

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
    assert stopped.value.exit_code == (130 if name == "SIGINT" else 143)
    assert signal.getsignal(number) == before


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
