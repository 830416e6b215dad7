"""Measures our step or prediction against others, on a quiet machine and beside two busy processes, in both layouts.

    python -m benchmarks.speed.crowded train --model NestedUNet
    python -m benchmarks.speed.crowded train --model UNet --batch 4 --beside
    python -m benchmarks.speed.crowded infer --model UNet --precision bf16

Each contender is a process of its own, and they take turns. "as our scripts" keeps memory and lets threads wait as
train.py, val.py and predict.py do (see system/machine/process.py and crowding.py); "as Python starts" does not. Ratios
are to the plain path of benchmarks/plain.py, once as Python starts and once settled like our scripts. With
`--beside`, each turn is repeated while as many processes as there are cores compute at the same priority. Limit the
kernels with ONEDNN_MAX_CPU_ISA and ATEN_CPU_CAPABILITY, such as AVX2 and avx2, to see what an older processor would do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from benchmarks.measure import UNSTEADY
from benchmarks.speed.contender import Contender, Job
from system.errors import run_script
from system.machine.cores import usable_cores
from system.machine.hardware import cpu_capability

HEADER = ("contender", "ms", "plain / it", "settled plain / it", "ms beside others", "beside / quiet")
BUSY = (sys.executable, "-c", "while True: pass")
PLAIN, SETTLED = "plain path", "plain path, settled"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=("train", "infer"))
    parser.add_argument("--model", choices=("NestedUNet", "UNet"), default="NestedUNet")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="ours; the others are in fp32")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="side in pixels, a multiple of 32 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: %(default)s)")
    parser.add_argument("--beside", action="store_true", help="measure beside busy processes, too")
    parser.add_argument("--only", nargs="+", metavar="WORD", help="only contenders whose names have one of these words")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    jobs = jobs_of(given.work, given.model, given.precision, given.batch, given.size)
    if given.only:
        jobs = {name: job for name, job in jobs.items() if any(word in name for word in given.only)}
    if not jobs or given.rounds < 1 or given.size % 32:
        parser.error("--only must fit some contenders, --size must be a multiple of 32, and --rounds at least 1")
    print(table(title_of(given), *measured(jobs, given.rounds, beside=given.beside)))


def jobs_of(work: str, model: str, precision: str, batch: int, size: int) -> dict[str, Job]:
    """Returns the name of each contender with what it does."""

    def job(path: str, *, settled: bool, **more: str) -> Job:
        return Job(path, model, work, batch, size, settled=settled, **more)

    jobs = {
        f"ours, {layout}, as our scripts": job("ours", settled=True, precision=precision, layout=layout)
        for layout in ("channels_last", "contiguous")
    }
    jobs["ours, channels_last, as Python starts"] = job("ours", settled=False, precision=precision)
    if work == "train" and precision == "fp32":
        direct = job("ours", settled=True, layout="channels_last", weight_gradient="direct")
        jobs["ours, channels_last, as our scripts, direct gradients"] = direct
    jobs |= {PLAIN: job("plain", settled=False), SETTLED: job("plain", settled=True)}
    jobs["MONAI"] = job("monai", settled=False)
    return jobs


Turns = dict[str, list[float]]  # name of a contender → the seconds of each of its turns


def measured(jobs: Mapping[str, Job], rounds: int, *, beside: bool) -> tuple[Turns, Turns]:
    """Returns the turns of each contender, on the quiet machine and, if `beside`, beside busy processes."""
    quiet: Turns = {name: [] for name in jobs}
    crowded: Turns = {name: [] for name in jobs}
    with ExitStack() as opened:
        contenders = {}
        for name, job in jobs.items():
            contenders[name] = Contender(job)
            opened.callback(contenders[name].close)
        for _ in range(rounds):
            for name, contender in contenders.items():
                quiet[name].append(contender.turn())
            if beside:
                with neighbours(usable_cores()):
                    for name, contender in contenders.items():
                        crowded[name].append(contender.turn())
    return quiet, crowded


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Runs `count` processes that compute all the time."""
    processes = [subprocess.Popen(BUSY) for _ in range(count)]
    time.sleep(0.2)
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def table(title: str, quiet: Turns, crowded: Turns) -> str:
    """Returns the table in Markdown. A star marks a ratio whose quartiles are too far apart to be trusted."""
    lines = [title, "", "| " + " | ".join(HEADER) + " |", "|---" * len(HEADER) + "|"]
    for name in quiet:
        cells = [name, spread(quiet[name], factor=1e3, digits=0)]
        for other in (PLAIN, SETTLED):
            cells.append(ratio(quiet[other], quiet[name]) if other in quiet and other != name else "")
        cells.append(spread(crowded[name], factor=1e3, digits=0) if crowded[name] else "")
        cells.append(ratio(crowded[name], quiet[name]) if crowded[name] else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratio(slow: Sequence[float], fast: Sequence[float]) -> str:
    """Returns the median and the quartiles of the ratios of the turns of one round."""
    return spread([a / b for a, b in zip(slow, fast, strict=True)])


def spread(values: Sequence[float], *, factor: float = 1, digits: int = 2) -> str:
    values = [factor * value for value in values]
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    star = "*" if upper - lower > UNSTEADY * middle else ""
    return f"{middle:,.{digits}f} ({lower:,.{digits}f}–{upper:,.{digits}f}){star}"


def title_of(options: argparse.Namespace) -> str:
    """Returns what was measured, where, and with which kernels."""
    import torch

    limit = os.environ.get("ONEDNN_MAX_CPU_ISA")
    kernels = f"{cpu_capability()}{f', oneDNN limited to {limit}' if limit else ''}"
    what = f"{options.model} {options.work}, batch {options.batch} at {options.size}×{options.size}"
    return f"{what}, ours in {options.precision}; kernels for {kernels}; torch {torch.__version__}"


if __name__ == "__main__":
    sys.exit(run_script(main))
