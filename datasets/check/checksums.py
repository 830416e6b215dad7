"""Files compared with the SHA-256 digests that SHA256SUMS lists."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from datasets.folder.problems import Problem
from system.threads import in_threads

NAME = "SHA256SUMS"


def compare_checksums(
    root: Path, digests: Mapping[str, str | None], *, stated: str | None
) -> tuple[list[Problem], dict[str, int] | None]:
    """Compares the files of a data folder with its SHA256SUMS.

    Args:
        digests: path → digest of the files that have been read already, None where that failed; others are read here.
        stated: digest of SHA256SUMS as dataset.yaml states it, in a set that was prepared by this project. Such a set
            lists all its files; a list made by hand may be of some of them.

    Returns:
        Problems, and how many files are {listed, matching}; None without a readable SHA256SUMS.
    """
    problems: list[Problem] = []
    if stated is not None and stated != digest_of(root / NAME):
        found, fix = "absent, or not the one whose digest dataset.yaml states", "restore it, or prepare the set again"
        problems.append(_problem(NAME, found, fix))
    listed = _read_list(root / NAME, problems)
    if listed is None:
        return problems, None
    digest = lambda file: digests[file] if file in digests else digest_of(root / file)
    matching = 0
    fix = f"restore the file, or prepare the set again; if the change is meant, write {NAME} again"
    for file, found in zip(listed, in_threads(digest, list(listed), "checksums"), strict=True):
        if found is None:
            problems.append(_problem(file, f"listed in {NAME}, but absent or not readable", fix))
        elif found != listed[file]:
            differs = f"SHA-256 {found[:12]}…, but {NAME} says {listed[file][:12]}…"
            problems.append(_problem(file, differs, fix))
        else:
            matching += 1
    if stated is not None:
        fix = f"remove it; if it is meant, write {NAME} again"
        problems += [
            _problem(file, f"not listed in {NAME}: added later", fix) for file in digests if file not in listed
        ]
    return problems, {"listed": len(listed), "matching": matching}


def _problem(file: str, found: str, fix: str) -> Problem:
    return Problem("checksum", (file,), found, fix)


def _read_list(path: Path, problems: list[Problem]) -> dict[str, str] | None:
    """File → digest; None where there is no list or it cannot be read."""
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        fix = "make the file readable, or remove it"
        problems.append(_problem(NAME, f"cannot be read ({error.strerror})", fix))
        return None
    listed = {}
    fix = "write it again: sha256sum of all files, from inside the folder"
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if match is None:
            problems.append(_problem(NAME, f"line {number} is not of sha256sum's format", fix))
        elif _leads_outside(match[2]):
            found = f"line {number} names {match[2]!r}, which lies outside the folder"
            problems.append(_problem(NAME, found, fix))
        else:
            listed[PurePosixPath(match[2]).as_posix()] = match[1].lower()
    return listed


def _leads_outside(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or re.match("[A-Za-z]:", name) is not None


def digest_of(path: Path) -> str | None:
    """SHA-256 hex digest of a file, read in pieces; None where it cannot be read."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():  # a device would never end
            return None
        with path.open("rb") as file:
            while piece := file.read(2**20):
                digest.update(piece)
    except OSError:
        return None
    return digest.hexdigest()
