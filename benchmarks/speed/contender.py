"""One way of training or predicting, in a process of its own, which works whenever it is its turn.

So each contender has its own memory allocator and its own rules for threads that wait.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from system.machine.crowding import WAITING, Courtesy
from system.machine.process import ALLOCATING, settle_process

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).resolve().parents[2]
LOSS = "LovaszHingeLoss"
SECONDS = 0.7  # of a turn before it is timed, and while it is


@dataclass(frozen=True)
class Job:
    """What a contender does in each turn.

    Attributes:
        path: ours, plain (see benchmarks/plain.py) or monai.
        model: UNet or NestedUNet; of MONAI, its network of the same name and widths.
        work: train (one step) or infer (one batch, without gradients).
        precision, layout, weight_gradient: of ours; the others compute in fp32 and PyTorch's layout.
        settled: whether the memory and the threads are settled as our scripts do it (`settle_process`, `Courtesy`).
    """

    path: str
    model: str
    work: str
    batch: int
    size: int
    precision: str = "fp32"
    layout: str = "auto"
    weight_gradient: str = "auto"
    settled: bool = False


class Contender:
    """A process that does a job for a while in each turn. The first turn, in which memory grows, does not count."""

    def __init__(self, job: Job) -> None:
        chosen = {*ALLOCATING, *WAITING, "GLIBC_TUNABLES"}
        environment = {name: value for name, value in os.environ.items() if name not in chosen}
        command = [sys.executable, "-m", "benchmarks.speed.contender", json.dumps(asdict(job))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        self.turn()

    def turn(self) -> float:
        """Does the job for a while, then again while it is timed, and returns the mean seconds that it took once."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise RuntimeError(f"{self._process.args} ended with {self._process.wait()}")
        return float(line)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def main() -> None:
    job = Job(**json.loads(sys.argv[1]))
    if job.settled:
        settle_process()
    function = working(job)
    with Courtesy() if job.settled else nullcontext():
        for _ in sys.stdin:
            timed(function)  # meanwhile the machine is as it will be, and is noticed as such
            print(timed(function), flush=True)


def timed(function: Callable[[], object]) -> float:
    """Returns the mean seconds of as many calls as begin within `SECONDS`."""
    calls, before = 0, time.perf_counter()
    while not calls or time.perf_counter() - before < SECONDS:
        function()
        calls += 1
    return (time.perf_counter() - before) / calls


def working(job: Job) -> Callable[[], object]:
    """Returns what a contender calls in its turn."""
    from benchmarks.plain import plain_step
    from benchmarks.speed.infer import no_grad, predicting
    from benchmarks.step import random_batch, step_on
    from engine.device import choose_runtime
    from models import build_model, fold_batch_norm

    batches = itertools.repeat(random_batch(job.batch, job.size)).__next__
    if job.path == "ours":
        runtime = choose_runtime("cpu", job.precision, layout=job.layout, weight_gradient=job.weight_gradient)
        if job.work == "train":
            return step_on(batches, model_name=job.model, loss_name=LOSS, runtime=runtime)
        return predicting(runtime.place(fold_batch_norm(build_model(job.model))), runtime, batches()[0])
    network = other_network(job)
    if job.work == "train":
        return plain_step(network, LOSS, batches, device="cpu")
    return no_grad(network.eval(), batches()[0])


def other_network(job: Job) -> nn.Module:
    from benchmarks.plain import PlainNet
    from benchmarks.speed.train import monai_network

    return PlainNet(job.model) if job.path == "plain" else monai_network(job.model)


if __name__ == "__main__":
    main()
