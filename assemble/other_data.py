"""A trained network and a data folder that it was not trained with → the samples that score it, and their results."""

from __future__ import annotations

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
from system.files import write_text


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


def place_for(run: RunFolder, root: Path | None, *, config: Config, part: str, outputs: Path) -> RunFolder:
    """Returns the folder of the results of scoring, from which earlier results of the same part are moved away.

    Args:
        run: the folder of the network. It is also that of the results on its own data.
        root: another data folder. Its results get a folder of their own, with the configuration of the network in it.
        part: of the data.
        outputs: the folder of all runs.
    """
    place = run
    if root is not None:
        place = RunFolder(outputs / "_on_".join(path.resolve().name for path in (run.path, root)))
        write_text(place.path / "config.yaml", dump_config(config))
    if moved := place.move_aside(part):
        print(f"moved   the earlier results to {moved}")
    return place
