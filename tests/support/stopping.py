"""Signals that come at a chosen moment."""

import os
import pkgutil
import signal


def stop_in(monkeypatch, target, after, name="SIGTERM"):
    """Sends the signal when `target` (the dotted name of a function or method) is called for the nth time."""
    original, calls = pkgutil.resolve_name(target), []

    def stopped(*arguments, **keywords):
        calls.append(1)
        if len(calls) == after:
            os.kill(os.getpid(), getattr(signal, name))
        return original(*arguments, **keywords)

    monkeypatch.setattr(target, stopped)
