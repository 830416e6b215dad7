"""Reads the training images of a finished run once more, for what earlier versions did not measure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datasets.earlier_start import EarlierStart
from datasets.listed_data import list_data
from datasets.sample_memory import SampleMemory
from datasets.split import SplitRule
from images.statistics.table import ImageTable
from system.errors import DataError
from system.threads import in_threads
from tasks.task import Task, TaskOptions


def measured_again(
    root: Path,
    task_type: type[Task],
    options: TaskOptions,
    earlier: EarlierStart,
    *,
    size: tuple[int, int] | None,
    split_file: Path,
) -> ImageTable:
    """Reads the training images of a run once more, and returns their statistics.

    Args:
        root, task_type, options, size: see `load_training_data`.
        earlier: what the run found out about its data when it began.
        split_file: the run's split.csv.

    Raises:
        DataError: the data are not those of the run, or a file cannot be used.
    """
    options, rule = replace(options, truth=earlier.kind), SplitRule(file=split_file)
    listed = list_data(root, task_type, options, rule=rule, open_image=earlier.reader.open)
    if not listed.is_data_of(earlier):
        raise DataError(
            f"{root}: names, sizes or the split of its files differ from those that the run was trained with, so that "
            "their statistics would be those of other images; put the files back"
        )
    train, _ = listed.parts(earlier.reader, size=size, memory=SampleMemory(0), measure=True)
    in_threads(train.__getitem__, sorted(train.measured), "read")
    return ImageTable.of_rows(train.take_statistics())
