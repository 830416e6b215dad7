"""Builds the objects of a run from a configuration. No other module turns sections of a configuration into objects.

train.py, val.py, predict.py and the benchmarks build here what they use. All other modules receive plain values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn
from torch.utils.data import DataLoader

from datasets.balance import balanced_weights
from datasets.earlier_start import EarlierStart
from datasets.fingerprint import split_fingerprint
from datasets.folder.data_folder import DataFolder, list_folder
from datasets.loading.device_samples import keep_on_device
from datasets.loading.loaders import scoring_loader, stretch, training_loader
from datasets.prepare.synthetic import write_synthetic
from datasets.survey import TrainingData, load_training_data
from engine.device import Runtime, choose_runtime
from engine.distributed import ALONE, Ranks
from engine.memory import advice_when_memory_runs_out
from engine.optimisers import build_optimizer, build_schedule
from engine.runs.checkpoint_file import load_weights
from engine.runs.resume import require_same_config
from engine.schema.config import Config
from engine.schema.loss_arguments import loss_arguments
from engine.training import Training
from inference.cells.decoding import Decoding, decoding_by
from inference.cells.object_scores import ObjectScores, epochs_between_decodes
from inference.tiling import TiledModel
from losses import DeepSupervisionLoss, build_loss
from models import build_model
from system.errors import CheckpointError, ConfigError
from system.seeding import seed_everything
from tasks import TASKS, load_task
from tasks.task import Task, TaskOptions

if TYPE_CHECKING:
    from datasets.loading.device_loader import DeviceLoader
    from datasets.loading.workers import TrainingLoader

DEMO = "inputs/demo"  # this data folder is drawn if it is absent


def runtime(config: Config, ranks: Ranks = ALONE) -> Runtime:
    """Chooses the device and the precision of a run, and refuses settings that the ranks cannot train with."""
    chosen = choose_runtime(config.train.device, config.train.precision, deterministic=config.train.deterministic)
    ranks.check_settings(
        batch_size=config.train.batch_size,
        accumulate=config.train.accumulate,
        sync_batch_norm=config.train.sync_batch_norm,
        runtime=chosen,
    )
    print(f"device  {chosen}{ranks}")
    return chosen


def continued(config: Config, state: Mapping | None, ranks: Ranks) -> Config:
    """Returns the configuration of a run that continues from the checkpoint `state`; `config` itself without a state.

    `data.on_device: auto` keeps the value that it got when the run began, so that the random draws stay the same on
    another device too.

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
    processes = state["machine"].get("processes", 1), ranks.count
    require_same_config(begun.model_dump(), config.model_dump(), processes=processes)
    return config


def data_folder(config: Config, root: Path) -> DataFolder:
    """Lists the data folder of a run; `root` is the folder that paths in a configuration are relative to."""
    return list_folder(root / config.data.root, task_type(config), task_options(config))


def task_type(config: Config) -> type[Task]:
    return load_task(config.task)


def task_options(config: Config) -> TaskOptions:
    return TaskOptions(
        truth=config.data.truth, mask_threshold=config.data.mask_threshold, border_radius=config.data.border_radius
    )


def training_data(config: Config, root: Path, ranks: Ranks = ALONE, *, state: Mapping | None = None) -> TrainingData:
    """Reads every sample of both parts of the data, training and validation. Draws the built-in set if it is absent.

    Args:
        state: the checkpoint that the run continues from. If it knows the data, samples are read when they are needed.
    """
    folder = root / config.data.root
    if folder == root / DEMO and ranks.first(lambda: not folder.exists()):
        nuclei = ranks.first(write_synthetic, folder)
        print(f"draw    the built-in data set, {nuclei} nuclei, into {config.data.root}")
    data = load_training_data(
        folder,
        task_type(config),
        task_options(config),
        size=config.data.height_width,
        normalise=config.data.normalise,
        val_fraction=config.data.val_fraction,
        split_seed=config.data.split_seed,
        split_file=root / config.data.split_file if config.data.split_file else None,
        channels=config.data.channels,
        plane=config.data.plane,
        intensity=config.data.intensity,
        max_pixels=config.data.max_pixels,
        cache=cache_folder(config, root),
        earlier=None if state is None else EarlierStart.of_checkpoint(state),
    )
    for note in data.notes:
        print(f"folder  {note}")
    print(f"data    {config.data.root}: {data.description}; {len(data.train)} train, {len(data.val)} val")
    for sentence in data.reader.conversions(len(data.train) + len(data.val)):
        print(f"read    {sentence}")
    return data


def cache_folder(config: Config, root: Path) -> Path | None:
    """Returns the folder for decoded samples that do not fit into memory; None if there is to be none."""
    if config.data.cache == "auto":
        return root / config.data.root / ".cache"
    return None if config.data.cache is None else root / config.data.cache


def resolved(config: Config, data: TrainingData, where: Runtime, ranks: Ranks = ALONE) -> Config:
    """Returns the configuration with values in place of `data.on_device: auto` and `train.decode_every: auto`."""
    wanted, window = config.data.on_device, config.data.window
    config = config.with_on_device(ranks.first(keep_on_device, wanted, data.train, window, where.device))
    if config.train.decode_every == "auto":
        trained = len(data.train) * config.data.crops_per_image * math.prod(window)
        scored = sum(math.prod(data.val.size_of(index)) for index in range(len(data.val)))
        config = config.with_decode_every(epochs_between_decodes(trained=trained, scored=scored, on_gpu=where.on_cuda))
    return config


def loaders(
    config: Config, data: TrainingData, where: Runtime, ranks: Ranks = ALONE
) -> tuple[TrainingLoader | DeviceLoader, DataLoader]:
    """Builds the loaders of the training part and of the validation part; `config` is what `resolved` returned."""
    settings = config.train
    train = training_loader(
        data.train,
        data.normalise,
        augment=config.data.augment,
        crop=config.data.tile,
        crops_per_image=config.data.crops_per_image,
        seed=config.seed,
        batch_size=settings.batch_size,
        workers=settings.workers,
        pin_memory=where.on_cuda,
        on_device=config.data.on_device,
        device=where.device,
        accumulate=settings.accumulate,
        rank=ranks.rank,
        ranks=ranks.count,
    )
    print(f"load    {train.description}")
    val = scoring_loader(
        data.val,
        data.normalise,
        batch_size=settings.micro_batch_size(ranks.count),
        pin_memory=where.on_cuda,
        rank=ranks.rank,
        ranks=ranks.count,
    )
    batch_size = train.batch_sampler.batch_size
    at_once = batch_size // settings.accumulate // (1 if settings.sync_batch_norm else ranks.count)
    if problem := config.why_too_few_values(at_once):
        raise ConfigError(problem)
    if batch_size < settings.batch_size:
        print(f"batch   lowered from {settings.batch_size} to {batch_size}, because an epoch has no more samples")
    return train, val


def network(config: Config, data: TrainingData, root: Path, *, resumed: bool = False) -> nn.Module:
    """Builds the network with initial weights from the seed, or with the weights of the file `model.weights`.

    Args:
        resumed: a checkpoint will replace the weights, so `model.weights` need not be read.
    """
    seed_everything(config.seed)
    model = untrained_network(config, len(data.task.channels), data.reader.channels)
    if config.model.weights and not resumed:
        left_out = load_weights(model, root / config.model.weights)
        heads = ", ".join(left_out) or "none"
        print(f"weights {config.model.weights}; left out, because the number of classes differs: {heads}")
    print(f"model   {config.model.name} with {sum(p.numel() for p in model.parameters()):,} parameters")
    return model


def untrained_network(config: Config, outputs: int, channels: int) -> nn.Module:
    """Builds the configured network for these numbers of output and image channels, with random weights."""
    return build_model(
        config.model.name,
        num_classes=outputs,
        input_channels=channels,
        filters=config.model.filters,
        deep_supervision=config.model.deep_supervision,
    )


def scoring_network(config: Config, model: nn.Module) -> nn.Module:
    """Returns the network that whole images go through: `model` itself with `data.size`, tiles with `data.crop`."""
    tile = config.data.tile
    return model if tile is None else TiledModel(model, tile=tile, overlap=config.data.tile_overlap)


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
    )


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
    }


def object_scores(config: Config, data: TrainingData, epoch: int, ranks: Ranks = ALONE) -> ObjectScores | None:
    """Returns a new scorer of the cells of this rank's share of the validation part.

    It is None if the task does not separate cells, or if this epoch does not score them.
    """
    every = config.train.decode_every
    if not TASKS[config.task].instances or ((epoch - 1) % every and epoch < config.train.epochs):
        return None
    labels = (data.val.labels(index) for index in stretch(len(data.val), ranks.rank, ranks.count))
    return ObjectScores(data.task, labels, decoding(config))


def decoding(config: Config) -> Decoding | None:
    """Returns how the maps of a run become cells; None if its task has no cells."""
    method = config.decode_method
    return method and decoding_by(method, **config.decode.given())


def memory_advice(config: Config, ranks: Ranks) -> AbstractContextManager[None]:
    """Returns a context whose error says which key to lower if memory runs out."""
    return advice_when_memory_runs_out(
        batch_size=config.train.batch_size,
        accumulate=config.train.accumulate,
        images_at_once=config.train.micro_batch_size(ranks.count),
        side_key="data.size" if config.data.size else "data.crop",
    )
