"""Makes tiny real trainings in processes of their own. Two runs that must agree to the bit have the same digest."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import torch

T, R = TypeVar("T"), TypeVar("R")
FULL = os.environ.get("FAULTS") == "full"  # `make test-faults` makes all trials, `make test` a few
LAUNCHER = Path(__file__).with_name("launcher.py")
CONFIG = """
data: {{root: {data}, size: 32, val_fraction: 0.25}}
model: {{name: UNet, filters: [2, 2]}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1e-2}}
scheduler: {{name: one_cycle}}
train: {{epochs: 5, batch_size: 3, save_every_minutes: 0.002}}
"""


class Launcher:
    """The process that forks trainings; see launcher.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, LAUNCHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def trial(self, root: Path, config: Path, *arguments: str, **faults: object) -> dict:
        """Trains once; returns the launcher's answer and, as `output`, what was printed."""
        root.mkdir(parents=True, exist_ok=True)
        output = root / "output.txt"
        output.unlink(missing_ok=True)
        words = ["--config", str(config), *arguments]
        request = {"root": str(root), "arguments": words, "output": str(output), **faults}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer | {"output": output.read_text(encoding="utf-8") if output.exists() else ""}

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()


def shared(launchers: Sequence[Launcher], jobs: Sequence[T], work: Callable[[Launcher, T], R]) -> list[R]:
    """work(launcher, job) for each job, each launcher doing its share at the same time."""
    with ThreadPoolExecutor(len(launchers)) as pool:
        shares = [(launcher, jobs[i :: len(launchers)]) for i, launcher in enumerate(launchers)]
        done = list(pool.map(lambda share: [work(share[0], job) for job in share[1]], shares))
    return [result for results in done for result in results]


def digest(run: Path) -> str:
    """Returns a hash of the bytes of log.csv and of everything in both checkpoints that must agree to the bit."""
    found = hashlib.sha256((run / "log.csv").read_bytes())
    for name in ("last.pth", "best.pth"):
        state = torch.load(run / name, weights_only=True)
        keys = ("epoch", "history", "progress", "model", "average", "optimizer", "scheduler", "scaling", "statistics")
        for key in keys:
            _add(found, state.get(key))
    return found.hexdigest()


def _add(found: hashlib._Hash, value: object) -> None:
    if isinstance(value, torch.Tensor):
        found.update(f"{value.dtype}{list(value.shape)}".encode() + value.contiguous().numpy().tobytes())
    elif isinstance(value, dict):
        for key in value:
            found.update(str(key).encode())
            _add(found, value[key])
    elif isinstance(value, list | tuple):
        for one in value:
            _add(found, one)
    else:
        found.update(f"{type(value).__name__}{value!r}".encode())
