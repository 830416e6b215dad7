"""A data folder that is listed and split, before a file is decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.earlier_start import EarlierStart
from datasets.fingerprint import fingerprint
from datasets.folder.data_folder import DataFolder, Sample, list_folder
from datasets.folder.given_groups import given_groups
from datasets.grouping.groups import Grouping, group_images
from datasets.grouping.views import View, view_of
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.sample_store import SampleStore
from datasets.samples import Samples
from datasets.split import SPLITS, TEST, SplitRule, select
from images.image_reader import ImageReader
from images.statistics.table import measured_rows
from system.errors import FileError
from system.threads import in_threads
from tasks.task import Task, TaskOptions


@dataclass(frozen=True)
class ListedData:
    """A data folder and its split.

    Attributes:
        root: the data folder.
        problems: those of single files.
        grouping: the groups that the split keeps together; None if it needs none, or was known before.
    """

    root: Path
    folder: DataFolder
    split: Mapping[str, str]
    problems: list[FileError]
    grouping: Grouping | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was recognised in the folder, in sentences."""
        return self.folder.notes + (() if self.grouping is None else (self.grouping.description,))

    def samples(self, part: str) -> list[Sample]:
        """Returns the samples of "train", "val" or "test", or of all of them with "all"."""
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
        for sample in () if opened is None else self.samples(TEST):
            opened.forget(reader, sample.image)  # a grouped split has looked at it, and nothing else does
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
    rule: SplitRule,
    open_image: Callable[[Path], np.ndarray],
    known: Mapping[str, str] | None = None,
) -> ListedData:
    """Lists and splits a data folder; errors as of `datasets.survey.load_training_data`.

    Args:
        rule: how it is split.
        open_image: decodes an image, for a split that needs to see all of them to find out what belongs together.
        known: the split of the run so far. It is taken over by such a split if the folder has the same images.
    """
    problems: list[FileError] = []
    folder = list_folder(root, task_type, options, problems=problems)
    ids = [sample.id for sample in folder.samples]
    if not rule.needs_groups:
        return ListedData(root, folder, rule.parts_of(ids), problems)
    if known is not None and set(known) == set(ids):
        return ListedData(root, folder, known, problems)
    given = given_groups(root, folder.groups, ids)
    grouping = group_images(views_of({sample.id: sample.image for sample in folder.samples}, open_image), given)
    return ListedData(root, folder, rule.parts_of(ids, lambda: grouping), problems, grouping)


def views_of(images: Mapping[str, Path], open_image: Callable[[Path], np.ndarray]) -> dict[str, View | None]:
    """Looks at every image, with several threads: id → view, None where the file cannot be used."""

    def look(path: Path) -> View | None:
        try:
            return view_of(open_image(path))
        except FileError:  # reading the samples reports all of them
            return None

    return dict(zip(images, in_threads(look, list(images.values()), "look"), strict=True))
