"""The files in a data folder by their ids, which are their paths without the extension."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from datasets.folder.problems import Problem
from images.naming import Naming, side_results_among
from images.reading import EXTENSIONS
from system.names import fault_of_id, shown

PICKLE = "_seg.npy"
SIDE_RESULT = "a result of Cellpose beside an image; it is neither an image nor a label map"
PICKLE_FIX = (
    "save the masks as PNG or TIFF in Cellpose (File, or --save_png, --save_tif); reading a .npy file of objects could "
    "run code that somebody hid in it"
)
DEEPEST = 8  # folders within each other that are searched


def files_by_id(root: Path, folder: str, truth: str | None, problems: list[Problem]) -> dict[str, str]:
    """Returns id → file of all files that are read as images, sorted by id.

    The id is the path below `folder` without its extension; a file in a folder of its own, such as A01/i0.tif of a
    plate, has the id A01/i0. Of several files of one id the last is taken.

    Args:
        folder: a folder below the data folder `root`, which is searched with all its folders; "." is the data folder
            itself, which is searched without them and may hold other files, too.
        truth: of the problems that are added to `problems`.
    """
    files: dict[str, list[str]] = {}
    for path, inner in _files(root / folder, depth=0 if folder == "." else DEEPEST):
        name = "/".join([part for part in (folder, inner) if part not in ("", ".")] + [path.name])
        written, suffix = shown(name), _suffix(path.name)
        if path.name.endswith(PICKLE):
            found = "a result of Cellpose in a format that is not read"
            problems.append(Problem("ignored file", (written,), found, PICKLE_FIX, truth))
        elif suffix not in EXTENSIONS:
            if folder != ".":
                fix = f"nothing, if it is no image; else save it as one of {', '.join(EXTENSIONS)}"
                problems.append(Problem("ignored file", (written,), "not read", fix, truth))
        elif fault := fault_of_id(sample_id := "/".join(filter(None, (inner, path.name[: -len(suffix)])))):
            found = f"its name cannot name results: {fault}"
            problems.append(Problem("name", (written,), found, "rename it", truth))
        else:
            files.setdefault(sample_id, []).append(name)
    for sample_id in side_results_among(files):
        written = tuple(map(shown, files.pop(sample_id)))
        problems.append(Problem("ignored file", written, SIDE_RESULT, "nothing: it is left out", truth))
    fix = "rename or remove all but one: images and masks belong together by their stem"
    problems += [
        Problem("duplicate stem", tuple(same), f"{len(same)} files of the same stem {stem}", fix, truth)
        for stem, same in files.items()
        if len(same) > 1
    ]
    return {stem: files[stem][-1] for stem in sorted(files)}


def without_need(problem: Problem, truth: Mapping[str, str]) -> Problem:
    """Returns a problem, or, if it is a pickle of Cellpose whose image has a label map, that nothing is to be done.

    Args:
        truth: id of an image → its mask or label map.
    """
    if not problem.files[0].endswith(PICKLE):
        return problem
    path = problem.files[0].removesuffix(PICKLE)
    read = truth.get(path) or truth.get(path.partition("/")[2])  # the id, or a folder such as images/ and the id
    return replace(problem, fix=f"nothing: {read} is read instead") if read else problem


def renamed(files: Mapping[str, str], naming: Naming) -> dict[str, str]:
    """Turns id of a file of the truth → file into id of its image → file."""
    return {naming.image_of(name): file for name, file in files.items()}


def images_in(folder: Path) -> list[str]:
    """Returns the names of the files in `folder` itself that are read as images, sorted, without hidden ones."""
    return [entry.name for entry in _visible(folder) if not entry.is_dir() and _suffix(entry.name) in EXTENSIONS]


def folders_in(folder: Path) -> list[str]:
    """Returns the names of the folders in `folder`, sorted, without hidden ones."""
    return [entry.name for entry in _visible(folder) if entry.is_dir()]


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _files(folder: Path, *, depth: int, inner: str = "") -> Iterator[tuple[os.DirEntry, str]]:
    """Yields the visible files below `folder`, each with the folders in between, sorted by name."""
    for entry in _visible(folder):
        if not entry.is_dir():
            yield entry, inner
        elif depth:
            yield from _files(Path(entry.path), depth=depth - 1, inner=f"{inner}/{entry.name}" if inner else entry.name)


def _visible(folder: Path) -> list[os.DirEntry]:
    """Returns what lies in `folder`, sorted, without hidden files; nothing if there is no such folder."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if entry.name[0] != "."), key=lambda entry: entry.name)
