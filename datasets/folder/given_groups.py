"""`groups:` of dataset.yaml: which images belong together, such as those of one patient or one slide."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from datasets.folder.description import NAME
from system.errors import FileError
from system.names import fault_of
from system.regular_file import require_regular

COLUMNS = ["id", "group"]
FORM = (
    "groups: lists the ids of each group, such as {slide_1: [a01, a02], slide_2: ['b*']}, or names a CSV file in the "
    "data folder with the columns id,group"
)


def given_groups(root: Path, groups: object, ids: Sequence[str]) -> dict[str, str] | None:
    """Returns id → group of the images that are in a group; None if no groups are given.

    Args:
        root: the data folder.
        groups: the value of the key: group → ids, or shell patterns of ids; or the name of a CSV file.
        ids: of all images.

    Raises:
        FileError: the value has another form, a group names no image, or an image is in two groups.
    """
    if groups is None:
        return None
    known, found = set(ids), {}
    if isinstance(groups, str) and not fault_of(groups):
        pairs, source = _pairs_of_csv(root / groups), groups
    else:
        pairs, source = _pairs_of(groups, known, root / NAME), NAME
    for one, group in pairs:
        if one not in known:
            raise _fault(root / source, f"group {group!r} names {one!r}, and there is no such image")
        if found.setdefault(one, group) != group:
            raise _fault(root / source, f"image {one!r} is in two groups, {found[one]!r} and {group!r}")
    return found


def _pairs_of(groups: object, ids: set[str], path: Path) -> list[tuple[str, str]]:
    """Returns (id, group) of what dataset.yaml lists; an entry that fits no image stays as it is."""
    fits = isinstance(groups, Mapping) and all(isinstance(entries, list) and entries for entries in groups.values())
    if not fits or not all(type(entry) in (str, int) for entries in groups.values() for entry in entries):
        raise _fault(path, f"groups: got {str(groups)[:100]!r}")
    pairs = []
    for group, entries in groups.items():
        for entry in map(str, entries):
            matching = [entry] if entry in ids else [one for one in sorted(ids) if fnmatchcase(one, entry)]
            pairs += [(one, str(group)) for one in matching or [entry]]
    return pairs


def _pairs_of_csv(path: Path) -> list[tuple[str, str]]:
    try:
        require_regular(path)
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _fault(path, f"cannot be read ({error})") from error
    if not rows or list(rows[0]) != COLUMNS or any(None in (*row, *row.values()) for row in rows):
        raise _fault(path, "is no table with the columns id,group and at least one row")
    return [(row["id"], row["group"]) for row in rows]


def _fault(path: Path, found: str) -> FileError:
    return FileError(str(path), found=found, fix=FORM)
