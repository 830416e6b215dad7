"""Prunes a run of UNet++ with deep supervision to every depth, and measures size, operations, time and score."""

from __future__ import annotations

from pathlib import Path

import torch

from assemble import data_folder
from benchmarks.measure import take_turns
from benchmarks.speed.infer import predicting
from benchmarks.speed.limits import count_work
from benchmarks.speed.settings import Settings
from benchmarks.step import random_batch
from datasets.samples import Samples
from datasets.split import read_split, select
from inference.predictor import Predictor
from saved_run import SavedRun, open_run
from system.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


def prune_table(settings: Settings) -> str:
    """Returns a Markdown table of parameters, operations, milliseconds and IoU for each depth.

    The IoU is over the validation images at their own size.

    Raises:
        ConfigError: no run is named, or its network cannot be pruned.
    """
    if settings.run is None:
        raise ConfigError("prune needs --run outputs/<run>, a run with model.deep_supervision=true")
    open_at = lambda depth: open_run(settings.run, device=settings.device, precision=settings.precision, depth=depth)
    saved = open_at(None)
    whole, levels = saved.predictor, saved.config.model.depth
    predictors = {depth: open_at(depth).predictor for depth in range(1, levels + 1)}
    images, _ = random_batch(settings.batch, settings.size)
    # In a run of crops, the network is inside a `TiledModel`.
    networks = {depth: getattr(p.folded, "model", p.folded) for depth, p in predictors.items()}
    images = images[:, : whole.reader.channels]
    answers = {str(depth): predicting(network, whole.runtime, images) for depth, network in networks.items()}
    timing = take_turns(answers, **settings.timing)
    lines = [
        f"{settings.run}, validation images at their own size; operations and time: batch {settings.batch} at "
        f"{settings.size}×{settings.size}, {settings.precision}",
        "",
        "| depth | parameters | GFLOP | ms | IoU |",
        "|---|---|---|---|---|",
    ]
    for depth, predictor in predictors.items():
        parameters = sum(p.numel() for p in networks[depth].parameters())
        operations = count_work(answers[str(depth)]).operations / 1e9
        milliseconds = timing.median(str(depth)) * 1e3
        iou = validation_iou(predictor, saved)
        lines.append(f"| {depth} | {parameters:,} | {operations:,.1f} | {milliseconds:,.1f} | {iou:.4f} |")
    if warning := timing.warning(str(levels), "1"):
        lines += ["", f"disturbed: {warning}"]
    return "\n".join(lines)


def validation_iou(predictor: Predictor, saved: SavedRun) -> float:
    """Returns the IoU of the predicted masks, pooled over the run's validation images at their own size."""
    folder = data_folder(saved.config, ROOT)
    split = read_split(saved.folder.path / "split.csv", [sample.id for sample in folder.samples])
    samples = Samples(select(folder.samples, split, "val"), predictor.reader, folder.task, size=None)
    counts = folder.task.counts()
    for index in range(len(samples)):
        image, target = samples[index]
        masks = torch.from_numpy(predictor.masks(image))
        counts.update(masks[None], folder.task.to_tensor(target)[None])
    return counts.compute().iou
