"""Notices when other programs want the cores too, and lets the threads of this process wait for each other asleep.

A thread of libgomp, which PyTorch uses under Linux, waits for another one by spinning for some milliseconds. On a quiet
machine this is the fastest way. Beside busy processes the thread that spins keeps a core from the thread that it waits
for. libgomp spins only for a moment while there are more OpenMP threads than cores (its manual, GOMP_SPINCOUNT). So as
long as the machine is crowded, this module keeps some threads that do nothing but exist. It changes no result.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

STATISTICS = Path("/proc/stat")  # of Linux: what each core has done since the start of the system
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")  # by these variables a user says how the threads of libgomp wait
SECONDS = 0.5  # between two looks
CROWDED = 0.4  # cores that others use, of those that our threads need


@dataclass(frozen=True)
class Reading:
    """What the cores of this process have done so far, in seconds of one core: all processes together, and this one."""

    all: float
    ours: float
    at: float


def read_cores(statistics: Path, cores: frozenset[int]) -> Reading | None:
    """Reads what these cores have done; None where the system does not say."""
    try:
        lines = [line.split() for line in statistics.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return None
    own = [line for line in lines if line[0].startswith("cpu") and line[0][3:].isdigit() and int(line[0][3:]) in cores]
    # user, nice, system, idle, waiting for a disk, interrupts (hard and soft), and what the host took
    busy = sum(sum(map(int, line[1:4])) + sum(map(int, line[6:9])) for line in own)
    return Reading(busy / os.sysconf("SC_CLK_TCK"), time.process_time(), time.monotonic()) if own else None


def is_crowded(before: Reading, now: Reading, *, cores: int, threads: int) -> bool:
    """Returns whether other processes used cores between two readings that `threads` threads on `cores` cores need."""
    others = ((now.all - before.all) - (now.ours - before.ours)) / max(1e-6, now.at - before.at)
    return others > cores - threads + CROWDED


class Courtesy:
    """A context in which the threads of PyTorch sleep, and do not spin, while they wait on a crowded machine.

    Nothing happens where PyTorch has one thread or fewer than there are cores, where the system does not say what its
    cores do, and where the user has set how threads wait (OMP_WAIT_POLICY, GOMP_SPINCOUNT).

    Attributes:
        crowded: whether the machine was crowded at the last look.
    """

    def __init__(self) -> None:
        self.crowded = False
        self._ended = threading.Event()
        self._watcher: threading.Thread | None = None

    def __enter__(self) -> Courtesy:
        import torch

        cores = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()
        chosen = any(name in os.environ for name in WAITING)
        threads, reading = torch.get_num_threads(), read_cores(STATISTICS, cores)
        if not chosen and reading is not None and threads > 1 and threads >= len(cores):
            self._watcher = threading.Thread(target=self._watch, args=(reading, cores, threads), daemon=True)
            self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._watcher is not None:
            self._watcher.join()

    def _watch(self, before: Reading, cores: frozenset[int], threads: int) -> None:
        while not self._ended.wait(SECONDS):
            now = read_cores(STATISTICS, cores)
            if now is None:
                return
            self.crowded = is_crowded(before, now, cores=len(cores), threads=threads)
            before = now
            if self.crowded:
                before = self._beside_more_threads(before, cores, threads)

    def _beside_more_threads(self, before: Reading, cores: frozenset[int], threads: int) -> Reading:
        """Keeps more OpenMP threads than cores until the machine is quiet again, and returns the last reading."""
        quiet = threading.Event()
        holder = threading.Thread(target=_hold_threads, args=(quiet,), daemon=True)
        holder.start()
        while self.crowded and not self._ended.wait(SECONDS):
            now = read_cores(STATISTICS, cores)
            self.crowded = now is not None and is_crowded(before, now, cores=len(cores), threads=threads)
            before = now or before
        quiet.set()
        holder.join()
        return before


def _hold_threads(until: threading.Event) -> None:
    """Has OpenMP threads of its own, which sleep, until the event is set."""
    import torch

    torch.ones(2**18).add_(1)  # large enough for PyTorch to use all threads; they stay as long as this thread
    until.wait()
