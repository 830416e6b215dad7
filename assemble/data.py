"""Configuration → the samples of a run, and the loaders of its two parts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch.utils.data import DataLoader

from datasets.draws.changes import Changes
from datasets.earlier_start import EarlierStart
from datasets.folder.data_folder import DataFolder, Sample, list_folder
from datasets.grouping.views import kind_of
from datasets.loading.device_samples import keep_on_device
from datasets.loading.loaders import scoring_loader, training_loader
from datasets.loading.shares import Shares, UnequalShares, balanced_shares, shares_by_area
from datasets.prepare.synthetic import write_synthetic
from datasets.split import SplitRule
from datasets.survey import TrainingData, load_training_data
from engine.device import Runtime
from engine.distributed import ALONE, Ranks
from engine.schema.config import Config
from inference.cells.object_scores import epochs_between_decodes
from inference.tiling import usual_overlap
from system.errors import ConfigError
from system.spread import spread
from system.threads import in_threads
from tasks import TASKS, load_task, task_for
from tasks.task import Task, TaskOptions

if TYPE_CHECKING:
    from datasets.loading.device_loader import DeviceLoader
    from datasets.loading.workers import TrainingLoader

# The validation while training, which should take a quarter of an epoch at most; docs/results.md has the figures.
VAL_OVERLAP = 0  # pixels by which tiles overlap
VALIDATED = 0.6  # pixels that are scored for each pixel that is trained on, at most …
LEAST_VALIDATED = 20  # … but so many images at least
DEMO = "inputs/demo"  # this data folder is drawn if it is absent


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
        rule=split_rule(config, root),
        channels=config.data.channels,
        plane=config.data.plane,
        intensity=config.data.intensity,
        max_pixels=config.data.max_pixels,
        cache=cache_folder(config, root),
        earlier=None if state is None else EarlierStart.of_checkpoint(state),
    )
    label_maps = about_label_maps(config, [*data.train.samples, *data.val.samples])
    for note in filter(None, [*data.notes, label_maps]):
        print(f"folder  {note}")
    print(f"data    {config.data.root}: {data.description}; {data.sizes_of_parts}")
    for sentence in data.reader.conversions(len(data.train) + len(data.val)):
        print(f"read    {sentence}")
    return data


def about_label_maps(config: Config, samples: Sequence[Sample]) -> str | None:
    """Returns a sentence if each image has a label map and the task does not learn single cells from it; else None.

    Args:
        samples: of the data folder, or of some of its parts.
    """
    entry, truth = TASKS[config.task], config.data.truth
    if entry.instances or entry.target != "mask" or truth not in ("auto", "labels"):
        return None
    if not samples or any(sample.labels is None for sample in samples):
        return None
    read = "are read as masks" if samples[0].labels in samples[0].truth else "beside the masks are not read"
    return f"the label maps {read}; task={task_for('labels', classes=1)} would learn single cells from them"


def split_rule(config: Config, root: Path) -> SplitRule:
    """Returns how the images of a run are split; `root` is as for `data_folder`."""
    data = config.data
    file = root / data.split_file if data.split_file else None
    return SplitRule(data.split, data.val_fraction, data.split_seed, data.folds, data.fold, data.test_fraction, file)


def cache_folder(config: Config, root: Path) -> Path | None:
    """Returns the folder for decoded samples that do not fit into memory; None if there is to be none."""
    if config.data.cache == "auto":
        return root / config.data.root / ".cache"
    return None if config.data.cache is None else root / config.data.cache


def resolved(config: Config, data: TrainingData, where: Runtime, ranks: Ranks = ALONE) -> Config:
    """Returns the configuration with values in place of each `auto` that decides bits or random draws.

    These are the keys that `assemble.continued` names; those of the kernels have the values of the runtime `where`.
    """
    config = config.with_kernels(layout=where.layout, weight_gradient=where.weight_gradient)
    wanted, window, tile = config.data.on_device, config.data.window, config.data.tile
    if wanted == "auto" and config.data.changes:
        wanted = False
        if where.on_cuda:
            print(f"choose  data.on_device: false, because {', '.join(config.data.changes)} are for samples one by one")
    config = config.with_on_device(ranks.first(keep_on_device, wanted, data.train, window, where.device))
    trained = len(data.train) * config.data.crops_per_image * math.prod(window)
    sizes = [math.prod(data.val.size_of(index)) for index in range(len(data.val))]
    enough = max(LEAST_VALIDATED, int(len(sizes) * VALIDATED * trained / sum(sizes)))
    config = config.with_validation(
        tile and usual_overlap(tile), "auto" if tile is None else VAL_OVERLAP, enough if enough < len(sizes) else None
    )
    scored = validated(config, data)
    if config.train.decode_every == "auto":
        pixels = sum(sizes[index] for index in scored)
        config = config.with_decode_every(epochs_between_decodes(trained=trained, scored=pixels, on_gpu=where.on_cuda))
    tiles = f", in tiles that overlap by {config.data.val_overlap} pixels" if tile else ""
    later = f" in tiles that overlap by {config.data.overlap}" if tile else ""
    print(f"score   {len(scored)} of {len(sizes)} validation images in every epoch{tiles}; val.py scores all{later}")
    return config


def shares(config: Config, data: TrainingData) -> Shares:
    """Returns how the windows of an epoch are shared out among the training images, as `data.crop_sampling` says."""
    windows, numbers = config.data.crops_per_image, range(len(data.train))
    if config.data.crop_sampling == "area":
        return UnequalShares(
            shares_by_area([math.prod(data.train.size_of(n)) for n in numbers], windows), seed=config.seed
        )
    if config.data.crop_sampling == "balanced":
        kinds = in_threads(lambda number: kind_of(data.train[number][0]), numbers, "kinds")
        listed = "; ".join(f"{count} of {kind}" for kind, count in Counter(kinds).most_common())
        print(f"kinds   {listed}")
        return UnequalShares(balanced_shares(kinds, windows), seed=config.seed)
    return Shares(windows)


def validated(config: Config, data: TrainingData) -> list[int]:
    """Returns which samples of the validation part are scored while training: all, or evenly spread ones."""
    everything, most = range(len(data.val)), config.data.val_images
    return list(everything) if most is None else spread(everything, most)


def loaders(
    config: Config, data: TrainingData, where: Runtime, ranks: Ranks = ALONE
) -> tuple[TrainingLoader | DeviceLoader, DataLoader]:
    """Builds the loaders of the training part and of the validation part; `config` is what `resolved` returned."""
    settings = config.train
    train = training_loader(
        data.train,
        data.normalise,
        augment=config.data.augment is not False,
        changes=Changes(**config.data.changes),
        crop=config.data.tile,
        crops_per_image=config.data.crops_per_image,
        shares=shares(config, data),
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
        indices=validated(config, data),
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
