"""A run → the samples of its own data that score it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from torch.utils.data import DataLoader

from assemble.data import data_folder
from datasets.fingerprint import fingerprint, split_fingerprint
from datasets.loading.loaders import scoring_loader
from datasets.samples import Samples
from datasets.split import read_split, select
from engine.runs.ready_model import is_ready_model
from system.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pathlib import Path

    from assemble.opening import SavedRun


def own_data(saved: SavedRun, part: str, root: Path) -> tuple[Samples, DataLoader, dict[str, object]]:
    """Lists the images of one part of the data that a run was trained with.

    Args:
        part: train, val, test or all.
        root: the folder that paths in a configuration are relative to.

    Returns:
        The samples, the loader that scores them, and the identity of the data for summary.json.

    Raises:
        ConfigError: it is a ready model, which has no data.
        DataError: the classes of the data folder or the split are no longer those of the run.
    """
    if is_ready_model(run := saved.folder.path):
        advice = f"python val.py --run {run} --data inputs/my_images scores it on a data folder of yours"
        raise ConfigError(f"{run}: a ready model has no data of its own; {advice}")
    config, predictor = saved.config, saved.predictor
    folder = data_folder(config, root)
    if folder.task.classes != predictor.classes:
        raise DataError(
            f"{config.data.root}: classes {', '.join(folder.task.classes)}, but {saved.folder.path} was trained with "
            f"{', '.join(predictor.classes)}; restore the folder and its dataset.yaml, or train anew"
        )
    path = saved.folder.path / "split.csv"
    split = read_split(path, [sample.id for sample in folder.samples])
    if saved.split not in (None, split_fingerprint(split)):
        raise DataError(
            f"{path}: not the split that the run was trained with; restore the file, or let "
            f"train.py --config {saved.folder.path / 'config.yaml'} --resume write it again"
        )
    folder = replace(folder, samples=tuple(select(folder.samples, split, "all")))
    chosen = select(folder.samples, split, part)
    if not chosen:
        fix = "score another part, or train a run with data.test_fraction or data.split_file"
        raise DataError(f"{path}: no image is assigned to {part}; {fix}")
    samples = Samples(chosen, predictor.reader, folder.task, size=predictor.size)
    on_cuda = predictor.runtime.on_cuda
    loader = scoring_loader(samples, predictor.normalise, batch_size=saved.batch_size, pin_memory=on_cuda)
    print(f"data    {config.data.root}: {len(samples)} images of the split '{part}'", flush=True)
    digest = fingerprint(root / config.data.root, split, folder)
    unchanged = None if saved.data is None else digest == saved.data
    data = {"folder": config.data.root, "fingerprint": digest, "split": split_fingerprint(split)}
    return samples, loader, data | {"as_in_training": unchanged}
