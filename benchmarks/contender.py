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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from system.machine.process import ALLOCATING, WAITING, settle_process

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).resolve().parent.parent
LOSS = "LovaszHingeLoss"


@dataclass(frozen=True)
class Job:
    """What a contender does in each turn.

    Attributes:
        path: ours, plain (see benchmarks/plain.py) or monai.
        model: UNet or NestedUNet; of MONAI, its network of the same name and widths.
        work: train (one step) or infer (one batch, without gradients).
        precision, layout, weight_gradient: of ours; the others compute in fp32 and PyTorch's layout.
        settled: whether `settle_process` is called, as our scripts do.
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
    """A process that does a job once in each turn. The first turn is not timed."""

    def __init__(self, job: Job) -> None:
        chosen = {*ALLOCATING, *WAITING, "GLIBC_TUNABLES"}
        environment = {name: value for name, value in os.environ.items() if name not in chosen}
        command = [sys.executable, "-m", "benchmarks.contender", json.dumps(asdict(job))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        self.turn()

    def turn(self) -> float:
        """Does the job once and returns the seconds that it took."""
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
    for _ in sys.stdin:
        before = time.perf_counter()
        function()
        print(time.perf_counter() - before, flush=True)


def working(job: Job) -> Callable[[], object]:
    """Returns what a contender calls in its turn."""
    from benchmarks.infer import no_grad, predicting
    from benchmarks.plain import plain_step
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
    from benchmarks.train import monai_network

    return PlainNet(job.model) if job.path == "plain" else monai_network(job.model)


if __name__ == "__main__":
    main()
