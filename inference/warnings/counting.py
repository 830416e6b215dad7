"""Counts the warnings in the column `warnings` of images.csv."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

from inference.warnings.judging import KINDS

SEPARATOR = "; "  # between the warnings of an image


def warned_line(table: Path) -> str:
    """Returns how many images of images.csv are unlike the training images, and in which ways, in a line."""
    images, warned, kinds = 0, 0, Counter()
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found = {text.partition(":")[0] for text in row["warnings"].split(SEPARATOR)} & set(KINDS)
            images, warned = images + 1, warned + bool(found)
            kinds.update(found)
    of_kinds = ", ".join(f"{kind} {kinds[kind]}" for kind in KINDS if kinds[kind])
    where = f" ({of_kinds}), see {table}" if warned else ""
    return f"{warned} of {images} images {'is' if warned == 1 else 'are'} unlike the training images{where}"
