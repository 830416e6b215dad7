"""The error for a worker process that is lost: it has ended, or it does not answer."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from system.errors import DataError, MemoryExceededError

# The kernel sends SIGKILL when the memory is full, and SIGBUS when the shared memory is.
OUT_OF_MEMORY = {getattr(signal, name) for name in ("SIGKILL", "SIGBUS") if hasattr(signal, name)}


def lost_worker(code: int | None, at_work: Sequence[str], *, patience: float) -> DataError | MemoryExceededError:
    """Says what happened to a worker, why that is so as a rule, and what to do.

    Args:
        code: the exit code, as multiprocessing gives it; None if the worker does not answer.
        at_work: the ids of the samples that it had begun.
        patience: the seconds that it was waited for.

    Returns:
        MemoryExceededError for a signal that a full memory causes, DataError for everything else.
    """
    samples = f"at work on {', '.join(at_work) or 'no sample'}"
    if code is not None and -code in OUT_OF_MEMORY:
        return MemoryExceededError(
            f"a worker that prepares samples was ended by {_name(-code)}, {samples}; the usual reason is that the "
            "memory is full. End other programs, or lower train.workers (0 needs the least memory); --resume continues "
            "the run. If that is not enough, start another run with a smaller data.crop or data.size"
        )
    if code is None:
        how = f"has not answered for {patience} seconds"
    else:
        how = f"was ended by {_name(-code)}" if code < 0 else f"has ended with code {code}"
    return DataError(
        f"a worker that prepares samples {how}, {samples}; repair or remove the sample, or, if there was not enough "
        "memory, lower train.workers; --resume continues the run"
    )


def _name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
