"""Which samples train, which validate and which are kept for a test: decided once, and never computed again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from datasets.grouping.apportion import apportion
from datasets.grouping.groups import Grouping
from system.errors import DataError, FileError
from system.regular_file import require_regular

SPLITS = ("train", "val")  # the parts of every run
TEST = "test"  # a part that a training never reads
ALLOWED = (*SPLITS, TEST)
Named = TypeVar("Named")


@dataclass(frozen=True)
class SplitRule:
    """How a data folder is split.

    Attributes:
        kind: "random" draws images, "grouped" draws groups of images that belong together, by their kinds.
        val_fraction: the share of all images that validates, unless there are folds.
        seed: of the drawing.
        folds, fold: the images that are not in the test part are divided into so many folds, and this one validates,
            from 0; None for no folds.
        test_fraction: the share of all images that is kept for a test; None for no test part. It is drawn first, and is
            the same for all folds.
        file: a CSV file that names the parts; all else is then of no effect.
    """

    kind: str = "random"
    val_fraction: float = 0.2
    seed: int = 41
    folds: int | None = None
    fold: int | None = None
    test_fraction: float | None = None
    file: Path | None = None

    @property
    def needs_groups(self) -> bool:
        return self.kind == "grouped" and self.file is None

    def parts_of(self, ids: Sequence[str], find_groups: Callable[[], Grouping] | None = None) -> dict[str, str]:
        """{id: "train", "val" or "test"}; `find_groups` is called if the rule needs groups.

        Raises:
            DataError: one of the parts would be empty, or the file cannot be used.
        """
        if self.file is not None:
            return read_split(self.file, ids)
        return _grouped(self, find_groups()) if self.needs_groups else _random(self, ids)


def random_split(ids: Sequence[str], *, val_fraction: float, seed: int) -> dict[str, str]:
    """{id: "train" or "val"}, drawn from the sorted ids.

    The draw is that of scikit-learn's `train_test_split`, whose import alone takes a second.

    Args:
        val_fraction: the share that validates, above 0 and below 1; it is rounded up to whole images.
        seed: 0 ≤ seed < 2^32.

    Raises:
        DataError: no training image would be left.
    """
    return _random(SplitRule(val_fraction=val_fraction, seed=seed), ids)


def _random(rule: SplitRule, ids: Sequence[str]) -> dict[str, str]:
    ids, test = sorted(ids), []
    share: float | int = rule.val_fraction
    if rule.test_fraction is not None:
        share = math.ceil(share * len(ids))
        ids, test = _drawn(rule, ids, rule.test_fraction, key="test_fraction")
    if rule.folds is None:
        train, val = _drawn(rule, ids, share, key="val_fraction")
    else:
        train, val = _fold_of(rule, ids)
    return dict.fromkeys(train, "train") | dict.fromkeys(val, "val") | dict.fromkeys(test, TEST)


def _drawn(rule: SplitRule, ids: Sequence[str], share: float | int, *, key: str) -> tuple[list[str], list[str]]:
    """Returns the ids that are left and those that are drawn, a share or a number of them."""
    count = share if isinstance(share, int) else math.ceil(share * len(ids))
    if count >= len(ids):
        raise DataError(
            f"{len(ids)} image(s) cannot be split with data.{key} {getattr(rule, key)}: no training images would be "
            "left; add images, change the fraction, or name the parts in data.split_file"
        )
    ids = sorted(ids)
    order = np.random.RandomState(rule.seed).permutation(len(ids)).tolist()
    return [ids[place] for place in order[count:]], [ids[place] for place in order[:count]]


def _fold_of(rule: SplitRule, ids: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the ids that train and those that validate in one fold, by scikit-learn's `KFold` on the sorted ids."""
    from sklearn.model_selection import KFold

    ids = sorted(ids)
    if len(ids) < rule.folds:
        raise DataError(f"{len(ids)} image(s) cannot be divided into data.folds: {rule.folds}; lower it or add images")
    folds = list(KFold(rule.folds, shuffle=True, random_state=rule.seed).split(ids))
    return tuple([ids[place] for place in places] for places in folds[rule.fold])


def _grouped(rule: SplitRule, grouping: Grouping) -> dict[str, str]:
    groups, test = dict(grouping.groups), rule.test_fraction or 0.0
    split = {}
    if test:
        drawn = apportion(groups, grouping.kinds, {TEST: test, "rest": 1 - test}, seed=rule.seed)
        split = {one: TEST for one, part in drawn.items() if part == TEST}
        groups = {one: group for one, group in groups.items() if one not in split}
    if rule.folds is None:
        share = rule.val_fraction / (1 - test)
        return split | apportion(groups, grouping.kinds, {"val": share, "train": 1 - share}, seed=rule.seed)
    shares = {str(fold): 1 / rule.folds for fold in range(rule.folds)}
    folds = apportion(groups, grouping.kinds, shares, seed=rule.seed)
    return split | {one: "val" if fold == str(rule.fold) else "train" for one, fold in folds.items()}


def read_split(path: Path, ids: Sequence[str]) -> dict[str, str]:
    """{id: part} from a CSV file with the columns `id,split`; images that it does not name are left out.

    Raises:
        DataError: the file is not readable, has other columns or values, names an id twice or one without an image, or
            leaves the training or the validation part empty.
    """
    try:
        require_regular(path)
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:  # the last of a quote without its partner
        found = f"cannot be read as a split file ({error})"
        raise FileError(str(path), found=found, fix="correct it, or write it anew") from error
    if not rows or set(rows[0]) != {"id", "split"}:
        raise DataError(f"{path}: a split file has the columns id,split and at least one row")
    known, split = set(ids), {}
    for number, row in enumerate(rows, start=2):
        sample_id, part = row["id"], row["split"]
        if part not in ALLOWED:
            raise DataError(f"{path}, line {number}: split {part!r}; allowed are {', '.join(ALLOWED)}")
        if sample_id not in known or sample_id in split:
            what = "is named twice" if sample_id in split else "has no image"
            raise DataError(f"{path}, line {number}: id {sample_id!r} {what}")
        split[sample_id] = part
    for part in SPLITS:
        if part not in split.values():
            raise DataError(f"{path}: no image is assigned to {part}")
    return split


def split_to_csv(split: Mapping[str, str]) -> str:
    """The CSV text of a split, sorted by id."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")  # quotes an id that holds a comma
    table.writerows([("id", "split"), *((sample_id, split[sample_id]) for sample_id in sorted(split))])
    return text.getvalue()


def select(samples: Sequence[Named], split: Mapping[str, str], part: str) -> list[Named]:
    """The samples (objects with an `id`) of one part, or of all parts with `part="all"`, in their order."""
    return [sample for sample in samples if split.get(sample.id) in (ALLOWED if part == "all" else (part,))]
