"""Trains the runs of a table with train.py, one after the other or several at once."""

from __future__ import annotations

import csv
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

from assemble import continued as as_begun
from benchmarks.table.plan import Run
from engine.distributed import ALONE
from engine.history import History
from engine.schema.config import Config
from engine.schema.config_file import load_config
from engine.schema.defaults import continued
from system.errors import ReportedError
from system.yaml_file import read_yaml


class TrainingFailed(ReportedError):
    """A training of a table has ended with an error."""


def is_finished(run: Run, folder: Path) -> bool:
    """Whether a run is there and has no epoch left.

    Raises:
        ConfigError: it was trained with other settings than the table gives now.
    """
    if not (folder / "best.pth").exists() or not (folder / "log.csv").exists():
        return False
    begun = read_yaml(folder / "config.yaml")
    config = load_config(run.config, run.overrides, partial(continued, begun=begun))
    as_begun(config, {"config": begun, "machine": {}}, ALONE)
    history = History(Config.model_validate(begun).best)
    with (folder / "log.csv").open(newline="", encoding="utf-8") as file:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
    history.load(rows, [])
    return history.is_over(epochs=config.train.epochs, patience=config.train.early_stopping)


def train_all(runs: Sequence[Run], outputs: Path, *, command: Sequence[str], processes: int = 1) -> None:
    """Trains what is not finished yet. What a run prints is in `<outputs>/<run>.txt`.

    Args:
        outputs: the folder of the run folders.
        command: what starts train.py.
        processes: how many trainings run at once. With GPUs, they take turns with them.

    Raises:
        TrainingFailed: a training has failed. The others that run are stopped; the same command resumes them.
    """
    left = [run for run in runs if not is_finished(run, outputs / run.name)]
    print(f"runs    {len(runs)}, of which {len(runs) - len(left)} are finished", file=sys.stderr, flush=True)
    if not left:
        return
    devices, live = _devices(processes), _Live()
    with ThreadPoolExecutor(processes) as pool:
        work = [pool.submit(_train, run, outputs, command=command, devices=devices, live=live) for run in left]
        try:
            for number, done in enumerate(as_completed(work), start=1):
                print(f"trained {done.result()} ({number} of {len(left)})", file=sys.stderr, flush=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            live.stop()


def _devices(processes: int) -> queue.SimpleQueue:
    """Returns the environments that processes take and give back: each sees one GPU, if there are any."""
    import torch

    count = torch.cuda.device_count()
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    names = shown if len(shown) == count else [str(number) for number in range(count)]
    free: queue.SimpleQueue = queue.SimpleQueue()
    for number in range(processes):
        free.put({"CUDA_VISIBLE_DEVICES": names[number % count]} if count else {})
    return free


class _Live:
    """The processes that are running; `stop` asks them to save and end, and lets no other begin."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen] = set()
        self._lock, self._stopped = threading.Lock(), False

    def run(self, start: Callable[[], subprocess.Popen]) -> int:
        """Starts a process, waits for it and returns its exit code."""
        with self._lock:
            if self._stopped:
                return 1
            process = start()
            self._processes.add(process)
        code = process.wait()
        with self._lock:
            self._processes.discard(process)
        return code

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.terminate()


def _train(run: Run, outputs: Path, *, command: Sequence[str], devices: queue.SimpleQueue, live: _Live) -> str:
    """Trains a run or continues it, and returns its name."""
    words = [*command, "--config", str(run.config), *run.overrides, "--resume"]
    outputs.mkdir(parents=True, exist_ok=True)
    log, device = outputs / f"{run.name}.txt", devices.get()
    try:
        with log.open("ab") as file:
            start = partial(subprocess.Popen, words, stdout=file, stderr=subprocess.STDOUT, env=os.environ | device)
            code = live.run(start)
    finally:
        devices.put(device)
    if code:
        last = "\n  ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        raise TrainingFailed(f"{run.name}: train.py ended with exit code {code}; its last lines in {log}:\n  {last}")
    return run.name
