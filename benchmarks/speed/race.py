"""Compares the time to reach a score: our training against the classic recipe on the plain path.

    python -m benchmarks.speed.race --ours outputs/dsb2018_96_fast --classic outputs/dsb2018_96_unet [--iou 0.83]

Both are finished trainings of whole images with train.py. Their log.csv says in which epoch they reached the score.
Then one epoch of each, with its validation, is timed anew, by turns: ours as train.py does it; that of the classic run
on the path of benchmarks/plain.py, where every sample is read from its file, resized and changed. The time to the score
is the time of an epoch times the number of epochs.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import torch

import assemble
from benchmarks.measure import take_turns
from benchmarks.plain import PlainNet, plain_step
from benchmarks.speed.data import batches_from_files
from datasets.survey import TrainingData
from engine.loops import evaluate, train_epoch
from engine.schema.config import Config
from engine.schema.config_file import load_config
from system.errors import ConfigError, run_script
from tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", type=Path, required=True, help="run folder")
    parser.add_argument("--classic", type=Path, required=True, help="run folder")
    parser.add_argument("--iou", type=float, default=0.83, help="validation IoU to reach (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="epochs of each that are timed (default: %(default)s)")
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    arguments = parser.parse_args()
    runs = {"ours": arguments.ours, "classic": arguments.classic}
    configs = {name: load_config(run / "config.yaml") for name, run in runs.items()}
    epochs = {name: epochs_to(run, arguments.iou) for name, run in runs.items()}
    if not epochs["ours"][1]:
        raise ConfigError(f"{arguments.ours} never reaches {arguments.iou}; give a lower --iou or another run")
    work = {
        "ours": our_epoch(configs["ours"], device=arguments.device),
        "classic": plain_epoch(configs["classic"], device=arguments.device),
    }
    timing = take_turns(work, rounds=arguments.rounds, seconds=float("inf"), device=arguments.device)
    for name, run in runs.items():
        count, reached = epochs[name]
        seconds = statistics.median(timing.seconds[name])
        print(
            f"{name}: {run}, {configs[name].model.name}, {seconds:.1f} s an epoch, "
            f"{count} epochs {'to' if reached else 'without reaching'} {arguments.iou}: {count * seconds / 60:.1f} min"
        )
    ratio = timing.ratio("classic", "ours")[0] * epochs["classic"][0] / epochs["ours"][0]
    print(f"ratio: {'' if epochs['classic'][1] else 'more than '}{ratio:.1f}")
    if warning := timing.warning("classic", "ours"):
        print(f"disturbed: {warning}")


def epochs_to(run: Path, iou: float) -> tuple[int, bool]:
    """Returns the first epoch with a validation IoU from `iou` on, and True; else the number of epochs, and False."""
    with (run / "log.csv").open(newline="", encoding="utf-8") as file:
        scores = [float(row["val_iou"]) for row in csv.DictReader(file)]
    reached = next((epoch for epoch, score in enumerate(scores, start=1) if score >= iou), None)
    return (reached or len(scores)), reached is not None


def our_epoch(config: Config, *, device: str) -> Callable[[], None]:
    """Returns a callable that does one epoch and its validation as train.py does."""
    config = config.model_copy(update={"train": config.train.model_copy(update={"device": device})})
    runtime, data = assemble.runtime(config), _load(config)
    config = assemble.resolved(config, data, runtime)
    loader, val_loader = assemble.loaders(config, data, runtime)
    model = runtime.place(assemble.network(config, data, ROOT))
    training = assemble.training(config, data, model, runtime, steps_per_epoch=len(loader))

    def epoch() -> None:
        losses, counts = train_epoch(training, loader), data.task.counts()
        val_losses = evaluate(
            model, val_loader, counts, criterion=training.criterion, runtime=runtime, decide=data.task.decide
        )
        training.end_epoch(losses, val_losses, counts)

    return epoch


def plain_epoch(config: Config, *, device: str) -> Callable[[], None]:
    """Returns a callable that does one epoch and its validation on the plain path."""
    data, batch = _load(config), config.train.batch_size
    model = PlainNet(config.model.name, len(data.task.classes), data.reader.channels, tuple(config.model.filters))
    drawn = batches_from_files(data.train, data.normalise, batch, augment=config.data.augment)
    step = plain_step(model, config.loss.name, drawn.__next__, device=device)

    def epoch() -> None:
        model.train()
        for _ in range(-(-len(data.train) // batch)):
            step()
        model.eval()
        validation = batches_from_files(data.val, data.normalise, batch, augment=False)
        with torch.inference_mode():
            for images, target in itertools.islice(validation, -(-len(data.val) // batch)):
                found, truth = model(images.to(device)) > 0, target.to(device) > 0
                ((found & truth).sum() / (found | truth).sum()).item()

    return epoch


def _load(config: Config) -> TrainingData:
    if config.data.height_width is None or TASKS[config.task].target != "mask" or TASKS[config.task].instances:
        raise ConfigError(f"{config.name}: only binary runs of whole images (data.size) can be compared")
    return assemble.training_data(config, ROOT)


if __name__ == "__main__":
    sys.exit(run_script(main))
