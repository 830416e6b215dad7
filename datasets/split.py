"""Which samples train and which validate: decided once, written to the run, never computed again."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from system.errors import DataError, FileError
from system.regular_file import require_regular

SPLITS = ("train", "val")
Named = TypeVar("Named")


def random_split(ids: Sequence[str], *, val_fraction: float, seed: int) -> dict[str, str]:
    """{id: "train" or "val"}, drawn from the sorted ids.

    The draw is that of scikit-learn's `train_test_split`, whose import alone takes a second.

    Args:
        val_fraction: the share that validates, above 0 and below 1; it is rounded up to whole images.
        seed: 0 ≤ seed < 2^32.

    Raises:
        DataError: no training image would be left.
    """
    ids = sorted(ids)
    val = math.ceil(val_fraction * len(ids))
    if val == len(ids):
        raise DataError(
            f"{len(ids)} image(s) cannot be split with data.val_fraction {val_fraction}: no training images would be "
            "left; add images, change the fraction, or name the parts in data.split_file"
        )
    order = np.random.RandomState(seed).permutation(len(ids)).tolist()
    return {ids[index]: "val" if place < val else "train" for place, index in enumerate(order)}


def read_split(path: Path, ids: Sequence[str]) -> dict[str, str]:
    """{id: "train" or "val"} from a CSV file with the columns `id,split`; images that it does not name are left out.

    Raises:
        DataError: the file is not readable, has other columns or values, names an id twice or one without an image, or
            leaves a part empty.
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
        if part not in SPLITS:
            raise DataError(f"{path}, line {number}: split {part!r}; allowed are {' and '.join(SPLITS)}")
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
    """The samples (objects with an `id`) of one part, or of both with `part="all"`, in their order."""
    return [sample for sample in samples if split.get(sample.id) in (SPLITS if part == "all" else (part,))]
