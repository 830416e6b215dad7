"""Errors that a user can act on, and the exit code that each kind ends a script with."""

from __future__ import annotations

import sys
from collections.abc import Callable


class ReportedError(Exception):
    """An error told in one message: what is wrong, what was found, what to do. Never a bare `raise`."""

    exit_code = 1


class ConfigError(ReportedError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class DataError(ReportedError):
    """Images, masks, label maps or a data folder cannot be used."""

    exit_code = 3


class CheckpointError(ReportedError):
    """A checkpoint or a run folder cannot be used."""

    exit_code = 3


class DivergedError(ReportedError):
    """The loss is no longer a finite number."""

    exit_code = 4


INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it


def run_script(main: Callable[[], None], *, debug: bool | None = None) -> int:
    """Runs a script's `main` and returns its exit code; a traceback appears only with `--debug`."""
    debug = "--debug" in sys.argv if debug is None else debug
    try:
        main()
    except ReportedError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    return 0
