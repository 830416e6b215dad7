"""A data folder that is listed and split, before a file is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from datasets.earlier_start import EarlierStart
from datasets.fingerprint import fingerprint
from datasets.folder.data_folder import DataFolder, Sample, list_folder
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.sample_store import SampleStore
from datasets.samples import Samples
from datasets.split import SPLITS, random_split, read_split, select
from images.image_reader import ImageReader
from images.statistics.table import measured_rows
from system.errors import FileError
from tasks.task import Task, TaskOptions


@dataclass(frozen=True)
class ListedData:
    """A data folder and its split.

    Attributes:
        root: the data folder.
        problems: those of single files.
    """

    root: Path
    folder: DataFolder
    split: Mapping[str, str]
    problems: list[FileError]

    def samples(self, part: str) -> list[Sample]:
        """Returns the samples of "train", of "val", or of both with "all"."""
        return select(self.folder.samples, self.split, part)

    def digest(self) -> str:
        """Returns the fingerprint of the files and the split."""
        return fingerprint(self.root, self.split, replace(self.folder, samples=tuple(self.samples("all"))))

    def is_data_of(self, earlier: EarlierStart) -> bool:
        """Whether these are the data of an earlier start, as far as the names and sizes of the files say."""
        if self.problems or any(len(earlier.sizes[part]) != len(self.samples(part)) for part in SPLITS):
            return False
        try:
            return self.digest() == earlier.digest
        except OSError:  # a link that leads nowhere; reading the samples reports it
            return False

    def parts(
        self,
        reader: ImageReader,
        *,
        size: tuple[int, int] | None,
        memory: SampleMemory,
        cache: Path | None = None,
        opened: OpenedImages | None = None,
        measure: bool = False,
    ) -> tuple[Samples, Samples]:
        """Returns the training part and the validation part, which share the memory; arguments as of `Samples`.

        Args:
            cache: the folder of the store; None for no store.
            measure: whether the statistics of training samples are measured while they are decoded.
        """
        task = self.folder.task
        store = None if cache is None else SampleStore(cache, reader, task, size=size)
        train, val = self.samples("train"), self.samples("val")
        kept = lambda samples, measured: Samples(
            samples, reader, task, size=size, memory=memory, store=store, opened=opened, measured=measured
        )
        return kept(train, measured_rows(len(train)) if measure else ()), kept(val, ())


def list_data(
    root: Path,
    task_type: type[Task],
    options: TaskOptions,
    *,
    split_file: Path | None,
    val_fraction: float,
    split_seed: int,
) -> ListedData:
    """Lists and splits a data folder; arguments and errors as of `datasets.survey.load_training_data`."""
    problems: list[FileError] = []
    folder = list_folder(root, task_type, options, problems=problems)
    ids = [sample.id for sample in folder.samples]
    if split_file is not None:
        split = read_split(split_file, ids)
    else:
        split = random_split(ids, val_fraction=val_fraction, seed=split_seed)
    return ListedData(root, folder, split, problems)
