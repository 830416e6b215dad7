"""SIGTERM, SIGINT and SIGUSR1 (the warning of SLURM) end a training between two steps, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from system.errors import Stopped

NUMBERS = [getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGUSR1") if hasattr(signal, name)]


class StopSignals:
    """A context in which these signals stop the process: at once, or, after `defer()`, at the next `check()`.

    A second Ctrl-C always stops it at once. Outside the main thread Python allows no handlers, and nothing changes.
    """

    def __init__(self) -> None:
        self.requested: int | None = None
        self._deferring = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in NUMBERS}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def defer(self) -> None:
        """From now on a signal is only noted, until `check` is called."""
        self._deferring = True

    def check(self, message: str) -> None:
        """Raises `Stopped` if a signal has arrived; `message` says where the process stops."""
        if self.requested is not None:
            raise Stopped(self.requested, f"stopped by {signal.Signals(self.requested).name} {message}")

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested == number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = number
        if not self._deferring:
            self.check("before the first step; nothing was changed")
