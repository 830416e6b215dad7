"""Errors that a user can do something about, and the exit code of a script for each kind of them."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Literal, NoReturn


class ReportedError(Exception):
    """An error whose message is all that a user needs: what is wrong, what was found, what is allowed, what to do."""

    exit_code = 1


class ConfigError(ReportedError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class DataError(ReportedError):
    """Images, masks, label maps or a data folder cannot be used."""

    exit_code = 3


INTERRUPTED, HUNG_UP, TERMINATED = 130, 129, 143  # 128 + the number of the signal, as a shell reports it
STOPPED = {"SIGINT": INTERRUPTED, "SIGHUP": HUNG_UP}  # TERMINATED stands for the others, which schedulers send

FileFault = Literal["unreadable", "content"]


class FileError(DataError):
    """One file of the data cannot be used; the message is "file: found; fix".

    Attributes:
        file: its name or path, or those of several files that do not fit each other, as messages show them.
        found: what is wrong with it.
        fix: what to do about it.
        kind: "unreadable" where there is no whole image of a known format: the file is empty, cut off, damaged, of
            another format, or cannot be opened. "content" where there is one, but not of a kind that can be used.
    """

    def __init__(self, file: str, *, found: str, fix: str, kind: FileFault = "content") -> None:
        super().__init__(f"{file}: {found}; {fix}")
        self.file, self.found, self.fix, self.kind = file, found, fix, kind

    def __reduce__(self) -> tuple[partial[FileError], tuple[()]]:
        """Tells pickle how to make the error again in another process; by itself it would pass no keyword arguments."""
        return partial(type(self), self.file, found=self.found, fix=self.fix, kind=self.kind), ()


class CheckpointError(ReportedError):
    """A checkpoint or a run folder cannot be used."""

    exit_code = 3


class DivergedError(ReportedError):
    """The loss, its gradient or the weights are no longer finite numbers."""

    exit_code = 4


class MemoryExceededError(ReportedError):
    """The device or the machine has not enough memory."""

    exit_code = 5


class DiskError(ReportedError, OSError):
    """Something cannot be written. The file that was there before is still complete."""

    exit_code = 6


class LockedError(ReportedError):
    """Another process is using the run folder."""

    exit_code = 7


class LostRankError(ReportedError):
    """Another process of the same training has ended."""


class Stopped(BaseException):
    """A signal asks the process to end. This is not an error: `except Exception` does not catch it."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = STOPPED.get(signal.Signals(number).name, TERMINATED)


DISK_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EIO}


def run_script(
    main: Callable[[], None], *, debug: bool | None = None, save_memory: str = "take a machine with more memory"
) -> int:
    """Runs the `main` of a script and returns the exit code. Errors above show a traceback only with `--debug`.

    Args:
        debug: whether they do; None looks for the option on the command line.
        save_memory: what the user of this script can do if memory runs out, besides ending other programs.
    """
    debug = "--debug" in sys.argv if debug is None else debug
    try:
        main()
    except ReportedError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.exit_code
    except KeyboardInterrupt:
        if debug:
            raise
        print("stopped by Ctrl-C", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if debug or error.errno not in DISK_ERRNOS:
            raise
        advice = "free some disk space, or correct the access rights or the disk"
        print(f"error: {error.filename or 'the disk'}: {error.strerror}; {advice}", file=sys.stderr)
        return DiskError.exit_code
    except (MemoryError, RuntimeError) as error:
        if debug or not is_out_of_memory(error):
            raise
        print(f"error: out of memory ({first_line(error)}); end other programs, or {save_memory}", file=sys.stderr)
        return MemoryExceededError.exit_code
    return 0


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether torch or Python could not allocate memory.

    For the CPU, torch says so only in the text of its error.
    """
    words = ("can't allocate memory", "not enough memory", "out of memory")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # a name: torch is not imported
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def first_line(error: BaseException) -> str:
    """Returns the first line of an error's text, or the name of its type if it has no text."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def leave(code: int) -> NoReturn:
    """Ends the process with this code. After a signal it ends at once, since unloading torch takes over a second."""
    if code in (INTERRUPTED, HUNG_UP, TERMINATED):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
