"""Configuration → device, loss, optimiser, schedule and the training itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace

from torch import nn

from assemble.ranks import require_fitting
from datasets.balance import balanced_weights
from datasets.fingerprint import split_fingerprint
from datasets.loading.loaders import unchanged_batches
from datasets.survey import TrainingData
from engine.averaging import WeightAverage
from engine.device import Runtime, choose_runtime
from engine.distributed import ALONE, Ranks
from engine.memory import advice_when_memory_runs_out
from engine.norm_statistics import NormStatistics
from engine.optimisers import build_optimizer, build_schedule
from engine.runs.resume import require_same_config
from engine.schema.config import Config
from engine.schema.loss_arguments import loss_arguments
from engine.training import Training
from losses import DeepSupervisionLoss, build_loss
from system.errors import CheckpointError, ConfigError


def runtime(config: Config, ranks: Ranks = ALONE) -> Runtime:
    """Chooses the device and the precision of a run, and refuses settings that the ranks cannot train with."""
    chosen = choose_runtime(
        config.train.device,
        config.train.precision,
        layout=config.train.layout,
        weight_gradient=config.train.weight_gradient,
        deterministic=config.train.deterministic,
    )
    layout, weight_gradient = ranks.first(lambda: (chosen.layout, chosen.weight_gradient))  # machines may differ
    chosen = replace(chosen, layout=layout, weight_gradient=weight_gradient)
    require_fitting(
        ranks,
        batch_size=config.train.batch_size,
        accumulate=config.train.accumulate,
        sync_batch_norm=config.train.sync_batch_norm,
        runtime=chosen,
    )
    print(f"device  {chosen}{ranks}")
    return chosen


def continued(config: Config, state: Mapping | None, ranks: Ranks) -> Config:
    """Returns the configuration of a run that continues from the checkpoint `state`; `config` itself without a state.

    What is `auto` or null and decides bits or random draws keeps the value that it got when the run began, on another
    machine too: `data.on_device`, `data.overlap`, `data.val_overlap`, `data.val_images`, `train.decode_every`,
    `train.layout` and `train.weight_gradient`.

    Raises:
        ConfigError: a key differs that must stay the same.
        CheckpointError: this version cannot read the configuration in the checkpoint.
    """
    if state is None:
        return config
    try:
        begun = Config.model_validate(state["config"])
    except ValueError as error:
        raise CheckpointError(f"the run was configured for another version of this project: {error}") from error
    begun = begun.with_on_device(begun.data.on_device is True)  # False for runs that are older than this key
    if config.data.on_device == "auto":
        config = config.with_on_device(begun.data.on_device)
    if config.train.decode_every == "auto":
        config = config.with_decode_every(begun.train.decode_every)
    # Runs that are older than these keys validate as they predict: all images, and with half a tile in common.
    half = begun.data.tile and begun.data.tile_overlap
    begun = begun.with_validation(half, "auto" if half is None else half, None)
    config = config.with_validation(begun.data.overlap, begun.data.val_overlap, begun.data.val_images)
    begun = begun.with_first_kernels()
    config = config.with_kernels(layout=begun.train.layout, weight_gradient=begun.train.weight_gradient)
    processes = state["machine"].get("processes", 1), ranks.count
    require_same_config(begun.model_dump(), config.model_dump(), processes=processes)
    return config


def criterion(config: Config, data: TrainingData) -> DeepSupervisionLoss:
    """Builds the configured loss, over all heads of a network.

    Raises:
        ConfigError: the loss does not fit the classes, or cannot leave the void pixels of the data out.
    """
    classes = data.task.classes
    if problem := config.loss.why_unfit(config.task, channels=len(classes)):
        raise ConfigError(problem)
    part = config.loss.balanced_part
    weight = balanced_weights(data.pixels[part], classes) if part else None
    arguments = loss_arguments(config.loss, void=data.task.has_void, weight=weight)
    return DeepSupervisionLoss(data.task.whole_loss(build_loss(config.loss.name, **arguments)))


def training(
    config: Config, data: TrainingData, model: nn.Module, where: Runtime, ranks: Ranks = ALONE, *, steps_per_epoch: int
) -> Training:
    """Builds the training of `model`, which is already on the device, with its loss, optimiser and schedule."""
    loss = criterion(config, data)
    optimizer = build_optimizer(config.optimizer.name, model.parameters(), **config.optimizer.arguments())
    schedule = build_schedule(
        config.scheduler.name,
        optimizer,
        epochs=config.train.epochs,
        steps_per_epoch=steps_per_epoch,
        **config.scheduler.arguments(),
    )
    return Training(
        model,
        loss,
        optimizer,
        schedule,
        data.task,
        where,
        ranks,
        seed=config.seed,
        clip_norm=config.train.clip_norm,
        best=config.best,
        average=None if config.train.ema is None else WeightAverage(model, config.train.ema),
        statistics=norm_statistics(config, data, where, ranks),
    )


def norm_statistics(config: Config, data: TrainingData, where: Runtime, ranks: Ranks = ALONE) -> NormStatistics | None:
    """Builds what measures the statistics of batch norm after each epoch; None without `train.norm_batches`."""
    if config.train.norm_batches is None:
        return None
    batches = unchanged_batches(
        data.train,
        data.normalise,
        crop=config.data.tile,
        crops_per_image=config.data.crops_per_image,
        seed=config.seed,
        batch_size=config.train.micro_batch_size(ranks.count),
        count=config.train.norm_batches,
    )
    return NormStatistics(batches, where)


def constants(config: Config, data: TrainingData) -> dict[str, object]:
    """Returns the keys of a checkpoint that never change during a run."""
    return {
        "config": config.model_dump(),
        "classes": list(data.task.classes),
        "truth": data.task.truth.values(),
        "reader": data.reader.to_dict(),
        "normalisation": data.normalise.to_dict(),
        "data": data.found.digest,
        "samples": data.found.to_dict(),
        "split": split_fingerprint(data.split),
        "statistics": None if data.found.statistics is None else data.found.statistics.to_dict(),
    }


def memory_advice(config: Config, ranks: Ranks) -> AbstractContextManager[None]:
    """Returns a context whose error says which key to lower if memory runs out."""
    return advice_when_memory_runs_out(
        batch_size=config.train.batch_size,
        accumulate=config.train.accumulate,
        images_at_once=config.train.micro_batch_size(ranks.count),
        side_key="data.size" if config.data.size else "data.crop",
    )
