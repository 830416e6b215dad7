"""A trained network and a data folder that it was not trained with → the samples that score it, and their results."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from torch.utils.data import DataLoader

from assemble.data import task_options, task_type
from datasets.fingerprint import fingerprint, split_fingerprint
from datasets.folder.data_folder import list_folder
from datasets.loading.loaders import scoring_loader
from datasets.samples import Samples
from engine.runs.run_folder import RunFolder
from engine.schema.config import Config
from engine.schema.config_file import dump_config
from inference.predictor import Predictor
from system.errors import DataError
from system.files import staged_folder, write_text


def other_data(config: Config, predictor: Predictor, root: Path) -> tuple[Samples, DataLoader, dict[str, object]]:
    """Lists all images of a data folder, to be read as the training of `config` read its images.

    Args:
        predictor: the network. A single class of it may have another name in the folder.
        root: the data folder.

    Returns:
        The samples, the loader that scores them, and the identity of the data for summary.json.

    Raises:
        DataError: the folder cannot be used, or has other classes.
    """
    folder = list_folder(root, task_type(config), task_options(config))
    found, classes = folder.task.classes, predictor.classes
    if found != classes and not len(found) == len(classes) == 1:
        raise DataError(
            f"{root}: classes {', '.join(found)}, but the network knows {', '.join(classes)}; score it on data of the "
            "same classes in the same order (dataset.yaml: classes)"
        )
    for note in folder.notes:
        print(f"folder  {note}")
    renamed = "" if found == classes else f", whose class {found[0]} stands for {classes[0]}"
    print(f"data    {root}: all {len(folder.samples)} images{renamed}", flush=True)
    split = {sample.id: "all" for sample in folder.samples}
    samples = Samples(folder.samples, predictor.reader, folder.task, size=config.data.height_width)
    batch_size, on_cuda = config.train.micro_batch_size(processes=1), predictor.runtime.on_cuda
    loader = scoring_loader(samples, predictor.normalise, batch_size=batch_size, pin_memory=on_cuda)
    digests = {"fingerprint": fingerprint(root, split, folder), "split": split_fingerprint(split)}
    return samples, loader, {"folder": str(root), **digests, "as_in_training": False}


@contextmanager
def results_of(
    run: RunFolder, root: Path | None, *, config: Config, part: str, outputs: Path
) -> Iterator[tuple[RunFolder, Path]]:
    """Yields where the results of scoring belong, and the folder to write them to until the block ends.

    Earlier results of the same part are moved away. An error in the block leaves no folder behind.

    Args:
        run: the folder of the network. It is also that of the results on its own data.
        root: another data folder. Its results get a folder of their own, with the configuration of the network in it.
            If it holds results of a network of another configuration, the whole folder is moved away.
        part: of the data.
        outputs: the folder of all runs.
    """
    place, text = run, dump_config(config)
    if root is not None:
        place = RunFolder(outputs / "_on_".join(path.resolve().name for path in (run.path, root)))
    noted = place.path / "config.yaml"
    differs = place is not run and noted.is_file() and noted.read_text(encoding="utf-8") != text
    if moved := place.move_aside("" if differs else part):
        print(f"moved   the earlier results to {moved}")
    try:
        with staged_folder(place.path / part) as results:
            yield place, results
        if place is not run:
            write_text(noted, text)
    finally:
        with suppress(OSError):  # it holds something
            place.path.rmdir()
