"""Signals end a training between two steps, not in the middle of one.

These are SIGTERM, SIGINT, SIGUSR1 (the warning of SLURM) and SIGHUP (a terminal was closed).
"""

from __future__ import annotations

import os
import signal
import stat
import threading
from types import FrameType

from system.errors import Stopped

HANG_UP = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # Windows has no such signal
NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP") if hasattr(signal, name)]


class StopSignals:
    """A context in which these signals stop the process: at once, or, after `defer()`, at the next `check()`.

    A second Ctrl-C always stops it at once. A SIGHUP that is ignored stays ignored: nohup started the process. Outside
    the main thread Python allows no handlers, and nothing changes.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self._deferring = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            ignored = {number for number in HANG_UP if signal.getsignal(number) == signal.SIG_IGN}
            self._before = {number: signal.signal(number, self._receive) for number in NUMBERS if number not in ignored}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def defer(self) -> None:
        """Lets a signal only be noted from now on, until `check` is called."""
        self._deferring = True

    def check(self, message: str) -> None:
        """Raises `Stopped` if a signal has arrived; `message` says where the process stops."""
        if self.requested is not None:
            raise Stopped(self.requested, f"stopped by {signal.Signals(self.requested).name} {message}")

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        if number in HANG_UP:
            _print_into_nothing()
        if not self._deferring:
            self.check("before the first step; nothing was changed")


def _print_into_nothing() -> None:
    """Sends the output of this process nowhere if its terminal is closed: each print would be an error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
