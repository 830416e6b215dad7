"""Measures how much faster a second thread, or a second process, makes a training step on this machine.

    python -m benchmarks.speed.scale [--model UNet] [--batch 16] [--size 96] [--rounds 9]

One process with one thread, one process with two threads, and two ranks (gloo) with one thread each take turns on
batches of the same size. Each is a process of its own that waits for its turn. With two ranks each takes half of the
batch.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHAPES = {"1 process × 1 thread": (1, 1), "1 process × 2 threads": (1, 2), "2 ranks × 1 thread": (2, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="UNet", choices=("UNet", "NestedUNet"))
    parser.add_argument("--batch", type=int, default=16, help="images of all ranks together, an even number")
    parser.add_argument("--size", type=int, default=96, help="side in pixels, a multiple of 32")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each")
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)  # number of threads of a worker process
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments)
        return
    seconds, others = measure(arguments)
    print(f"{arguments.model} step, batch {arguments.batch} at {arguments.size}×{arguments.size}, fp32; ", end="")
    print(f"medians of {arguments.rounds} turns (quartiles); other processes took {others:.0%} of the cores\n")
    print("| | seconds a step | images/s | against 1 × 1 |\n|---|---|---|---|")
    base = next(iter(SHAPES))
    for name, turns in seconds.items():
        ratios = [single / own for single, own in zip(seconds[base], turns, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
        median = statistics.median(turns)
        print(f"| {name} | {median:.3f} | {arguments.batch / median:.1f} | {middle:.2f} ({low:.2f}–{high:.2f}) |")


def measure(arguments: argparse.Namespace) -> tuple[dict[str, list[float]], float]:
    """Returns the seconds of each turn by shape, and the share of the cores that other processes took (Linux)."""
    from torch.distributed import TCPStore

    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # where the ranks find each other
    groups = {name: start(arguments, *shape, port=store.port) for name, shape in SHAPES.items()}
    processes = [process for group in groups.values() for process in group]
    seconds: dict[str, list[float]] = {name: [] for name in groups}
    try:
        for group in groups.values():
            take_turn(group)  # warms up
        began, before = time.perf_counter(), _seconds_of_others(processes)
        for _ in range(arguments.rounds):
            for name, group in groups.items():
                seconds[name].append(take_turn(group))
        others = (_seconds_of_others(processes) - before) / (time.perf_counter() - began) / os.cpu_count()
    finally:
        for process in processes:
            process.stdin.close()
        for process in processes:
            process.wait(timeout=300)
            process.stdout.close()
    return seconds, max(0.0, others)


def take_turn(group: list[subprocess.Popen]) -> float:
    """Returns the seconds of one step of a shape, from the request to the answer of its last rank."""
    began = time.perf_counter()
    for process in group:
        process.stdin.write("step\n")
        process.stdin.flush()
    for process in group:
        assert process.stdout.readline() == "done\n", "the worker's message says why it ended"
    return time.perf_counter() - began


def _seconds_of_others(processes: list[subprocess.Popen]) -> float:
    """Returns the CPU seconds that all processes but these have taken since the machine started."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]
    user, nice, system, _idle, _wait, irq, soft_irq, steal = map(int, fields)
    stats = [Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii") for process in processes]
    own = sum(int(tick) for stat in stats for tick in stat.rsplit(")", 1)[1].split()[11:13])
    return (user + nice + system + irq + soft_irq + steal - own) / os.sysconf("SC_CLK_TCK")


def start(arguments: argparse.Namespace, ranks: int, threads: int, *, port: int) -> list[subprocess.Popen]:
    """Starts the ranks of one shape, as torchrun would."""
    command = [sys.executable, "-m", "benchmarks.speed.scale", "--worker", str(threads), "--model", arguments.model]
    command += ["--batch", str(arguments.batch), "--size", str(arguments.size)]
    shared = os.environ | {"OMP_NUM_THREADS": str(threads), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"TORCHELASTIC_USE_AGENT_STORE": "True", "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks)}
    return [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]


def work(arguments: argparse.Namespace) -> None:
    """Is one rank: it takes a step for every line of its input."""
    from benchmarks.step import random_batch, step_on
    from engine.device import choose_runtime
    from engine.distributed import Ranks

    answers, ranks = sys.stdout, Ranks.of_torchrun()
    with ranks:
        import torch

        torch.set_num_threads(arguments.worker)
        fixed = random_batch(arguments.batch // ranks.count, arguments.size)
        step = step_on(
            lambda: fixed,
            model_name=arguments.model,
            loss_name="LovaszHingeLoss",
            runtime=choose_runtime("cpu", "fp32"),
            ranks=ranks,
        )
        for _ in sys.stdin:
            step()
            print("done", file=answers, flush=True)


if __name__ == "__main__":
    main()
