"""Measures the cost of safe checkpoints, against a bare torch.save with fsync and against an epoch of training.

    python -m benchmarks.starts.checkpoint [--folder outputs] [--repeats 9]

Writes the checkpoint of a NestedUNet, as a run of configs/dsb2018_96.yaml has it (weights, momentum, history), in both
ways by turns and prints the medians. Then it times a few training steps of this recipe and prints the share of an epoch
(531 images) that the saves take.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch

from engine.device import choose_runtime
from engine.optimisers import build_optimizer, build_schedule
from engine.runs.checkpoint_file import save_checkpoint
from engine.schema.config_file import load_config
from engine.training import Training
from losses import DeepSupervisionLoss, build_loss
from models import build_model
from tasks.binary import Binary

ROOT = Path(__file__).resolve().parents[2]
TRAINING_IMAGES = 531


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs", help="a folder on the disk to measure")
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    config = load_config(ROOT / "configs" / "dsb2018_96.yaml")
    runtime, filters = choose_runtime("cpu", "fp32"), config.model.filters
    model = runtime.place(build_model(config.model.name, filters=filters)).train()
    optimizer = build_optimizer(config.optimizer.name, model.parameters(), **config.optimizer.arguments())
    schedule = build_schedule("constant", optimizer, epochs=config.train.epochs, steps_per_epoch=1)
    criterion = DeepSupervisionLoss(build_loss(config.loss.name))
    training = Training(model, criterion, optimizer, schedule, Binary(("nucleus",)), runtime)
    size, batch_size = config.data.height_width, config.train.batch_size
    images, target = torch.randn(batch_size, 3, *size), (torch.rand(batch_size, 1, *size) < 0.2).float()
    steps = []
    for _ in range(4):
        started = time.perf_counter()
        training.step(images, target)
        steps.append(time.perf_counter() - started)
    epoch = statistics.median(steps[1:]) * TRAINING_IMAGES / batch_size
    bare, safe, gathering, size_in_bytes = measure(training, arguments.folder, arguments.repeats)
    print(f"{runtime}; a checkpoint of {size_in_bytes / 2**20:.0f} MiB, medians of {arguments.repeats}")
    print(f"bare torch.save and fsync   {bare:.3f} s")
    print(f"sealed, previous one kept   {safe:.3f} s, {safe / bare:.2f} times as long")
    print(f"gathering what is saved     {gathering:.3f} s")
    share = 2 * (safe + gathering) / epoch
    print(f"epoch of {TRAINING_IMAGES} images         {epoch:.0f} s; last.pth and best.pth take {share:.2%} of it")


def measure(training: Training, folder: Path, repeats: int) -> tuple[float, float, float, int]:
    """Returns the median seconds of three things that take turns, and the size of the file in bytes.

    They are a bare save of a training's state, a safe save of it, and gathering it, which includes the check of every
    weight.
    """
    bare, safe, gathering = [], [], []
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        last, plain = Path(temporary) / "last.pth", Path(temporary) / "plain.pth"
        state = training.state_dict()
        for _ in range(repeats):
            started = time.perf_counter()
            save_bare(plain, state)
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            save_checkpoint(last, state, keep=last.with_name("previous.pth"))
            safe.append(time.perf_counter() - started)
            started = time.perf_counter()
            training.state_dict()
            gathering.append(time.perf_counter() - started)
        return *map(statistics.median, (bare, safe, gathering)), last.stat().st_size


def save_bare(path: Path, state: Mapping[str, object]) -> None:
    """Saves as most programs do, but with an fsync."""
    with path.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
