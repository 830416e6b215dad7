"""Times callables that take turns in one process, A B A B, and notices if the machine was disturbed meanwhile."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

DISTURBED = 0.08  # the machine is disturbed if other processes take more than this share of its cores
UNSTEADY = 0.2  # a ratio is unsteady if its interquartile range is more than this share of its median


@dataclass(frozen=True)
class Timing:
    """The timing of callables that took turns.

    Attributes:
        seconds: name → the seconds of every turn.
        others: the share of the machine's cores that other processes took; None if the system does not say.
        faults: name → median number of pages that the system had to provide in a call.
    """

    seconds: Mapping[str, list[float]]
    others: float | None
    faults: Mapping[str, float]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> tuple[float, float, float]:
        """Returns the median, the lower and the upper quartile of the ratio `slow` / `fast` over the turns."""
        ratios = [a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True)]
        lower, middle, upper = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        return middle, lower, upper

    def warning(self, slow: str, fast: str) -> str:
        """Returns why these figures should not be trusted; empty if nothing speaks against them."""
        middle, lower, upper = self.ratio(slow, fast)
        reasons = [f"other processes took {self.others:.0%} of the cores"] if (self.others or 0) > DISTURBED else []
        if upper - lower > UNSTEADY * middle:
            reasons.append(f"the ratio ranges from {lower:.2f} to {upper:.2f}")
        return "; ".join(reasons)


def take_turns(
    callables: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float, device: str = "cpu"
) -> Timing:
    """Calls every callable once without timing, then by turns for `rounds` rounds.

    After two rounds it also stops when `seconds` are over.
    """
    for function in callables.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in callables}
    faults: dict[str, list[int]] = {name: [] for name in callables}
    started, load = time.perf_counter(), Load()
    for done in range(rounds):
        if done >= 2 and time.perf_counter() - started > seconds:
            break
        for name, function in callables.items():
            wait_for(device)
            before, pages = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            function()
            wait_for(device)
            times[name].append(time.perf_counter() - before)
            faults[name].append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - pages)
    return Timing(times, load.of_others(), {name: statistics.median(counts) for name, counts in faults.items()})


def wait_for(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
    elif device == "mps":
        torch.mps.synchronize()


class Load:
    """Measures the share of the cores that other processes take since its construction (Linux)."""

    def __init__(self) -> None:
        self._started, self._busy, self._ours = time.perf_counter(), self._busy_seconds(), time.process_time()

    @staticmethod
    def _busy_seconds() -> float | None:
        statistics_file = Path("/proc/stat")
        if not statistics_file.exists():
            return None
        user, nice, system, _idle, _wait, irq, soft_irq, steal = map(
            int, statistics_file.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
        )
        return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")

    def of_others(self) -> float | None:
        busy, ours = self._busy_seconds(), time.process_time()
        if busy is None:
            return None
        cores = (time.perf_counter() - self._started) * os.cpu_count()
        return max(0.0, (busy - self._busy - (ours - self._ours)) / cores)
