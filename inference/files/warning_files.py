"""Writes the warnings about images of runs whose task has no cells. Runs with cells have them in their counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from system.csv_text import csv_field
from system.files import write_text
from system.names import shown

COLUMNS = ("height", "width", "warnings")


def joined(warnings: Sequence[str]) -> str:
    """The warnings about an image in one line, whatever a file says; a semicolon separates them."""
    return shown(" ".join("; ".join(warnings).split()))


class WarningFiles:
    """Owns the warnings below one folder: `warnings/<name>.csv` of each image, and `images.csv` of all.

    Args:
        folder: the folder to write to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def paths(self, name: str) -> list[Path]:
        """Returns the path of the file of one image, in a list."""
        return [self.folder / "warnings" / f"{name}.csv"]

    def write(self, name: str, shape: tuple[int, int], warnings: Sequence[str]) -> None:
        """Writes the file of one image of `shape` = (height, width)."""
        row = f"{shape[0]},{shape[1]},{csv_field(joined(warnings))}"
        write_text(self.paths(name)[0], f"{','.join(COLUMNS)}\n{row}\n")

    def write_summary(self, names: Sequence[str]) -> None:
        """Writes images.csv from the files of these images."""
        lines = [",".join(["image", *COLUMNS])]
        for name in names:
            lines.append(f"{csv_field(name)},{self.paths(name)[0].read_text(encoding='utf-8').splitlines()[1]}")
        write_text(self.folder / "images.csv", "\n".join([*lines, ""]))
