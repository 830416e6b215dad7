"""Times batches of training from samples kept in memory or on the device, against files that are read one by one."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import take_turns
from benchmarks.speed.limits import Limits
from benchmarks.speed.rows import Row, timed_row
from benchmarks.speed.settings import Settings
from datasets.augment import Augmentation
from datasets.loading.device_samples import keep_on_device
from datasets.loading.loaders import training_loader
from datasets.prepare.synthetic import write_synthetic
from datasets.samples import Samples
from datasets.split import SplitRule
from datasets.survey import TrainingData, load_training_data
from engine.device import choose_runtime
from images.normalise import Normalisation
from images.resize import resize_image, resize_mask
from tasks.binary import Binary


def data_rows(settings: Settings, limits: Limits) -> list[Row]:
    """Times the batches until they are on the device."""
    other, move = "files per sample", choose_runtime(settings.device).move
    sources = {
        "cached": cached_batches(settings, on_device=False),
        "on the device": cached_batches(settings, on_device=True),
        other: file_batches(settings),
    }
    batches = {name: (lambda source=source: move(*next(source))) for name, source in sources.items()}
    timing = take_turns(batches, **settings.timing)
    images = settings.batch * settings.size**2
    moved = images * (3 + 1) * (1 + 4)  # bytes: image and mask are read as uint8 and written as float32
    rows = []
    for ours, how in (
        ("cached", "cached, in this process"),
        ("on the device", f"kept and changed on {settings.device}"),
    ):
        work = f"input of {settings.batch} images, {_name(settings)}, {how}"
        shares = 0.0, moved / limits.copy / timing.median(ours)
        rows.append(timed_row(work, timing, other=other, asked="≥ 3, stretch 10", ours=ours, shares=shares))
    return rows


def cached_batches(settings: Settings, *, on_device: bool | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields batches without end, as train.py draws them with `train.workers: 0`.

    Args:
        on_device: the value of `data.on_device`; None stands for auto.
    """
    data, device = _load(settings.data, settings.size), torch.device(settings.device)
    if on_device is None:
        on_device = keep_on_device("auto", data.train, data.train.size, device)
    loader = training_loader(
        data.train,
        data.normalise,
        augment=True,
        crop=None,
        crops_per_image=1,
        seed=0,
        batch_size=settings.batch,
        workers=0,
        pin_memory=settings.device == "cuda",
        on_device=on_device,
        device=device,
    )
    while True:
        for batch in loader:
            if len(batch[0]) == settings.batch:
                yield batch
        loader.batch_sampler.epoch += 1


def file_batches(settings: Settings) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields batches of the training images without end. A sample is prepared anew each time it is drawn."""
    data = _load(settings.data, settings.size)
    return batches_from_files(data.train, data.normalise, settings.batch, augment=True)


def batches_from_files(
    samples: Samples, normalise: Normalisation, batch: int, *, augment: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields batches without end, in the order of the files. Every sample is decoded, resized and normalised anew."""
    height, width = samples.size
    change = Augmentation(square=height == width, colour=samples.reader.is_rgb)
    drawn = 0
    while True:
        images, targets = [], []
        for _ in range(batch):
            image, masks = samples.at_file_size(drawn % len(samples))
            masks = np.stack([resize_mask(masks[..., k], samples.size) for k in range(masks.shape[-1])], axis=-1)
            image = resize_image(image, samples.size)
            if augment:
                image, masks = change(image, masks, seed=drawn)
            images.append(normalise(image))
            targets.append(torch.from_numpy(np.ascontiguousarray(masks.transpose(2, 0, 1))).float())
            drawn += 1
        yield torch.stack(images), torch.stack(targets)


@lru_cache(maxsize=1)
def _load(folder: Path | None, size: int) -> TrainingData:
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="benchmark-data-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        write_synthetic(folder)
    return load_training_data(
        folder, Binary, size=(size, size), normalise="dataset", rule=SplitRule(val_fraction=0.2, seed=41), channels=3
    )


def _name(settings: Settings) -> str:
    return f"{settings.data or 'the built-in set'} at {settings.size}×{settings.size}"
