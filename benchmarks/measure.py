"""Timing in one process: callables take turns, A B A B; and whether the machine was disturbed meanwhile."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

DISTURBED = 0.08  # share of the machine's cores that others took meanwhile
UNSTEADY = 0.2  # interquartile range of the ratio, over its median


@dataclass(frozen=True)
class Timing:
    """Of callables that took turns.

    Attributes:
        seconds: name → the time of every turn.
        others: the share of the machine's cores that other processes took, or None where the system does not say.
        faults: name → pages that the system had to provide per call, the median.
    """

    seconds: Mapping[str, list[float]]
    others: float | None
    faults: Mapping[str, float]

    def median(self, name: str) -> float:
        return statistics.median(self.seconds[name])

    def ratio(self, slow: str, fast: str) -> tuple[float, float, float]:
        """Of the times of `slow` and `fast`: the median over the turns, the lower and the upper quartile."""
        ratios = [a / b for a, b in zip(self.seconds[slow], self.seconds[fast], strict=True)]
        lower, middle, upper = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
        return middle, lower, upper

    def warning(self, slow: str, fast: str) -> str:
        """Why not to trust these figures; empty if nothing speaks against them."""
        middle, lower, upper = self.ratio(slow, fast)
        reasons = [f"others took {self.others:.0%} of the cores"] if (self.others or 0) > DISTURBED else []
        if upper - lower > UNSTEADY * middle:
            reasons.append(f"the ratio ranges from {lower:.2f} to {upper:.2f}")
        return "; ".join(reasons)


def take_turns(
    callables: Mapping[str, Callable[[], object]], *, rounds: int, seconds: float, device: str = "cpu"
) -> Timing:
    """Calls all of them once untimed, then in turn until `rounds` or, after two rounds, `seconds` are over."""
    for function in callables.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in callables}
    faults: dict[str, list[int]] = {name: [] for name in callables}
    started, load = time.perf_counter(), _Load()
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


class _Load:
    """What other processes take of the cores from its construction on (Linux)."""

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
