"""Adds the statistics of its training images to a run, so that predict.py can compare images with them.

python -m datasets.statistics --run outputs/x

Trainings keep these statistics by themselves. This is for runs that an earlier version has trained. The data folder
must be as it was. Weights and everything else in the checkpoints stay as they are, and --resume goes on as before.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from system.errors import CheckpointError, leave, run_script

ROOT = Path(__file__).resolve().parents[2]  # paths in a configuration are relative to it


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m datasets.statistics", description=__doc__.split("\n")[0])
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    complete(parser.parse_args().run)


def complete(path: Path) -> None:
    """Measures the training images of a run, and writes their statistics into its checkpoints.

    Raises:
        CheckpointError: there is no such run, its checkpoint is damaged, or it says too little about its data.
        DataError: the data are not those of the run.
        LockedError: a training works in the folder.
        DiskError: a checkpoint cannot be written. It is still there, unchanged.
    """
    from engine.runs.added_statistics import add_statistics
    from engine.runs.run_folder import RunFolder

    with RunFolder(path) as run:
        changed = add_statistics(run, lambda state: measured(state, path))
    if changed:
        print(f"added   the statistics of the training images to {', '.join(changed)} of {path}")
    else:
        print(f"kept    {path} has statistics of its training images already")


def measured(state: Mapping, path: Path) -> dict[str, object]:
    """Returns the statistics of the training images of the run at `path`, as its checkpoint keeps them.

    Args:
        state: a checkpoint of the run.
    """
    from assemble import task_options, task_type
    from datasets.earlier_start import EarlierStart
    from datasets.second_survey import measured_again
    from engine.schema.config import Config

    try:
        config, earlier = Config.model_validate(state["config"]), EarlierStart.of_checkpoint(state)
    except (KeyError, ValueError) as error:  # pydantic raises a ValueError
        raise CheckpointError(f"{path}: this version cannot read the configuration in best.pth: {error}") from error
    if earlier is None:
        raise CheckpointError(
            f"{path}: best.pth does not say what was found in its data, as in runs of very early versions; train anew"
        )
    table = measured_again(
        ROOT / config.data.root,
        task_type(config),
        task_options(config),
        earlier,
        size=config.data.height_width,
        split_file=path / "split.csv",
    )
    return table.to_dict()


if __name__ == "__main__":
    leave(run_script(main))
