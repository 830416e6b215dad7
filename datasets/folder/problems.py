"""What can be wrong with a data folder: the kinds of problems, and which of them stop a training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from system.errors import DataError, FileError

# Reports list problems in this order. An error stops a training; a checksum is the exception, because only the check
# computes checksums. A warning may be meant.
ERRORS = (
    "layout",
    "classes",
    "truth",
    "no foreground",
    "checksum",
    "name",
    "unreadable",
    "pixel values",
    "channels",
    "duplicate stem",
    "missing mask",
    "extra mask",
    "mask values",
    "size",
)
WARNINGS = (
    "duplicate image",
    "groups",
    "leak",
    "constant image",
    "empty mask",
    "full mask",
    "overlap",
    "labels",
    "ignored file",
)
SAME = 3  # files that a training lists one by one for one reason
STOP_FIRST = ("layout", "classes", "truth", "name")  # a training reports these alone, because others follow from them
_ORDER = {kind: place for place, kind in enumerate(ERRORS + WARNINGS)}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a data folder, or worth a look.

    Attributes:
        kind: one of `ERRORS` or `WARNINGS`.
        files: paths relative to the data folder, with forward slashes.
        found: what is wrong with them.
        fix: what to do.
        truth: "masks" or "labels" where only a training that reads these files is concerned; None where all are.
    """

    kind: str
    files: tuple[str, ...]
    found: str
    fix: str
    truth: str | None = None

    def stops(self, reads: str) -> bool:
        """Whether a training is refused that reads this truth, "masks" or "labels"."""
        return self.kind in ERRORS and self.truth in (None, reads)

    @property
    def severity(self) -> str:
        """ "error" or "warning", for a training that reads masks, as nearly all do."""
        return "error" if self.stops("masks") else "warning"

    def as_error(self, root: Path) -> FileError:
        """The error of a training on the data folder `root`."""
        return FileError(", ".join(str(root / file) for file in self.files), found=self.found, fix=self.fix)


def no_foreground(folder: str, where: str, threshold: float | None) -> Problem:
    """The problem of a truth without any foreground, with which a network learns nothing.

    Args:
        folder: "masks" or "labels".
        where: what has none, such as "10 images".
        threshold: where soft masks were cut, if they were.
    """
    found = f"not one pixel of foreground in {where}"
    fix = "check that these are the masks of the images, and that they are not empty"
    if threshold is not None:
        found += f", with data.mask_threshold: {threshold}"
        fix = f"lower it, or leave it out; if each number in the files is one cell, set data.truth: labels; and {fix}"
    return Problem("no foreground", (folder,), found, fix, None)


def in_order(problems: Sequence[Problem]) -> list[Problem]:
    """Errors first, then by kind and files: an order that depends on nothing but the problems."""
    return sorted(problems, key=lambda one: (one.severity, _ORDER[one.kind], one.files, one.found))


def refusal(root: Path, errors: Sequence[FileError], most: int = 10) -> DataError:
    """Returns the only one of the errors, or an error that lists the first `most` of them and counts the others.

    A reason that more than `SAME` files share is one line, with the names of the first `most` of them.
    """
    if len(errors) == 1:
        return errors[0]
    found = sorted(_by_reason(root, errors, most))
    lines = [line for line, _ in found[:most]]
    if left := sum(files for _, files in found[most:]):
        lines.append(f"… and {left} more")
    return DataError("\n  ".join([f"{root}: {len(errors)} problems; python -m datasets.check lists them all", *lines]))


def _by_reason(root: Path, errors: Sequence[FileError], most: int) -> list[tuple[str, int]]:
    """Returns the lines of the errors, each with the number of errors that it stands for."""
    same: dict[tuple[str, str], list[FileError]] = {}
    for error in errors:
        same.setdefault((error.found, error.fix), []).append(error)
    lines = []
    for (found, fix), group in same.items():
        if len(group) > SAME:
            files = sorted(error.file.removeprefix(f"{root}/") for error in group)
            named = ", ".join(files[:most]) + (", …" if len(files) > most else "")
            lines.append((f"{len(group)} files: {found}; {fix}: {named}", len(group)))
        else:
            lines += [(str(error), 1) for error in group]
    return lines
