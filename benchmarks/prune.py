"""A run of UNet++ with deep supervision, pruned to every depth: size, operations, time and score."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.infer import predicting
from benchmarks.limits import count_work
from benchmarks.measure import take_turns
from benchmarks.settings import Settings
from benchmarks.step import random_batch
from datasets.folder import list_folder
from datasets.samples import Samples
from datasets.split import read_split, select
from inference.predictor import Predictor, load_run
from metrics import SegmentationCounts
from system.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def prune_table(settings: Settings) -> str:
    """A markdown table of depth against parameters, operations, milliseconds, and IoU over the validation images at
    their own size.

    Raises:
        ConfigError: no run is named, or its network cannot be pruned.
    """
    if settings.run is None:
        raise ConfigError("prune needs --run outputs/<run>, a run with model.deep_supervision=true")
    options = {"device": settings.device, "precision": settings.precision}
    whole = load_run(settings.run, **options)
    levels = len(whole.config.model.filters) - 1
    predictors = {depth: load_run(settings.run, **options, depth=depth) for depth in range(1, levels + 1)}
    images, _ = random_batch(settings.batch, settings.size)
    networks = {depth: getattr(p.folded, "model", p.folded) for depth, p in predictors.items()}  # within the tiles
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
        iou = validation_iou(predictor, settings.run)
        lines.append(f"| {depth} | {parameters:,} | {operations:,.1f} | {milliseconds:,.1f} | {iou:.4f} |")
    if warning := timing.warning(str(levels), "1"):
        lines += ["", f"disturbed: {warning}"]
    return "\n".join(lines)


def validation_iou(predictor: Predictor, run: Path) -> float:
    """IoU of the predicted masks, pooled over the run's validation images at their own size."""
    config = predictor.config
    folder = list_folder(ROOT / config.data.root, task=config.task, **config.data.truth)
    split = read_split(run / "split.csv", [sample.id for sample in folder.samples])
    samples = Samples(select(folder.samples, split, "val"), predictor.reader, folder.targets, size=None)
    counts = SegmentationCounts(background=config.task == "multiclass")
    for index in range(len(samples)):
        image, target = samples[index]
        masks = torch.from_numpy(predictor.masks(image))
        counts.update(masks[None], folder.targets.to_tensor(target)[None])
    return counts.compute().iou
