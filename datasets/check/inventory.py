"""What lies in a data folder, listed in spite of everything that may be wrong with it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets.check.findings import Problem
from datasets.description import NAME, Description, read_description
from datasets.folder import EXTENSIONS, FLAT_CLASS, LAYOUT, image_files
from system.errors import DataError


@dataclass(frozen=True)
class Entry:
    """One image and what belongs to it, as paths relative to the data folder.

    `masks` is class → file, without the classes that have no file; `labels` is its label map, if there is one. With
    `class_map`, all classes have the same file.
    """

    id: str
    image: str
    masks: Mapping[str, str]
    labels: str | None
    class_map: bool = False


@dataclass(frozen=True)
class Inventory:
    """A data folder: classes in the order of their channels, those of class maps without the background; entries
    sorted by id.

    `described` is what dataset.yaml says; `sums` is path → SHA-256 hex digest as SHA256SUMS states it, or None without
    that file; `prepared` is whether dataset.yaml states the digest of its SHA256SUMS, which then lists every file.
    """

    root: Path
    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    sums: Mapping[str, str] | None
    prepared: bool
    problems: tuple[Problem, ...]
    described: Description


def take_inventory(root: Path) -> Inventory:
    """Lists `inputs/<set>/` without opening a pixel. Of several files of one stem the first is taken.

    Raises:
        DataError: no such folder. All else becomes one of the inventory's problems.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; name one that holds {LAYOUT}")
    problems: list[Problem] = []
    images = _by_id(root, "images", problems)
    described = _described(root, problems)
    folders = _class_folders(root, described, problems)
    class_map = folders == {FLAT_CLASS: "masks"} and described.class_map_palette is not None
    masks = {name: _by_id(root, folder, problems, flat=folder == "masks") for name, folder in folders.items()}
    labels = _by_id(root, "labels", problems)
    if not images:
        found = f"no images ({', '.join(EXTENSIONS)})"
        problems.append(Problem("layout", ("images",), found, f"bring the files into the layout {LAYOUT}"))
    else:
        problems += _without_partner(images, masks, labels, folders)
    if class_map:
        masks = dict.fromkeys(described.classes[1:], masks[FLAT_CLASS])
    entries = tuple(
        Entry(i, images[i], {name: files[i] for name, files in masks.items() if i in files}, labels.get(i), class_map)
        for i in sorted(images)
    )
    sums, prepared = _read_sums(root, problems), _is_prepared(root, described.sha256sums, problems)
    return Inventory(root, tuple(masks), entries, sums, prepared, tuple(problems), described)


def _by_id(root: Path, folder: str, problems: list[Problem], *, flat: bool = False) -> dict[str, str]:
    stems: dict[str, list[str]] = {}
    files = image_files(root / folder)
    for path in files:
        stems.setdefault(path.stem, []).append(f"{folder}/{path.name}")
    fix = "rename or remove all but one: images and masks belong together by their stem"
    problems += [
        Problem("duplicate stem", tuple(same), f"{len(same)} files of the stem {stem}", fix)
        for stem, same in stems.items()
        if len(same) > 1
    ]
    others = {path.name for path in (root / folder).glob("*") if path.name[0] != "."} - {path.name for path in files}
    fix = f"nothing, if it is not meant; else convert it to one of {', '.join(EXTENSIONS)}, directly in {folder}/"
    problems += [Problem("ignored file", (f"{folder}/{name}",), "not read", fix) for name in others]
    return {stem: same[0] for stem, same in stems.items()}


def _class_folders(root: Path, described: Description, problems: list[Problem]) -> dict[str, str]:
    """Class → folder of its masks, in the order of dataset.yaml; class maps are those of a single class, for now."""
    top = sorted(path for path in (root / "masks").glob("*") if path.name[0] != ".")
    folders = {path.name: f"masks/{path.name}" for path in top if path.is_dir()}
    if folders:
        fix = "move it into the folder of its class, or remove it"
        loose = [f"masks/{path.name}" for path in image_files(root / "masks")]
        problems += [Problem("layout", (name,), "a file beside class folders", fix) for name in loose]
    elif image_files(root / "masks"):
        folders = {FLAT_CLASS: "masks"}
    else:
        problems.append(Problem("layout", ("masks",), "no masks", f"bring the files into the layout {LAYOUT}"))
        return {}
    named = described.classes
    if folders == {FLAT_CLASS: "masks"} and described.class_map_palette is not None:
        return folders
    if described.palette is not None or described.void is not None:
        found = "palette: or void: of class maps, masks/<id>.png, but masks/ holds none"
        problems.append(Problem("classes", (NAME,), found, "remove the keys, or bring the class maps into masks/"))
    if named is None:
        return folders
    if folders == {FLAT_CLASS: "masks"} and len(named) == 1:
        return {named[0]: "masks"}
    if sorted(named) != sorted(folders):
        found = f"classes {', '.join(named)}, but masks/ holds {', '.join(folders)}"
        problems.append(Problem("classes", ("dataset.yaml",), found, "make the two agree"))
        return folders
    return {name: folders[name] for name in named}


def _described(root: Path, problems: list[Problem]) -> Description:
    try:
        return read_description(root)
    except DataError as error:
        found = str(error).removeprefix(f"{root / NAME}: ")
        problems.append(Problem("classes", (NAME,), found, "mend it, or remove it: it is needed for class maps only"))
        return Description()


def _without_partner(
    images: Mapping[str, str],
    masks: Mapping[str, Mapping[str, str]],
    labels: Mapping[str, str],
    folders: Mapping[str, str],
) -> list[Problem]:
    problems = []
    if len(masks) == 1:  # with several classes, an image may lack some of them
        ((name, files),) = masks.items()
        problems += [
            Problem("missing mask", (images[i],), f"no mask {folders[name]}/{i}.*", "add its mask, or remove the image")
            for i in images.keys() - files.keys()
        ]
    for files in masks.values():
        problems += [
            Problem("extra mask", (files[i],), f"no image images/{i}.*", "add its image, or remove the mask")
            for i in files.keys() - images.keys()
        ]
    problems += [
        Problem("labels", (labels[i],), f"no image images/{i}.*", "add its image, or remove the label map")
        for i in labels.keys() - images.keys()
    ]
    return problems


def _read_sums(root: Path, problems: list[Problem]) -> dict[str, str] | None:
    path = root / "SHA256SUMS"
    if not path.is_file():
        return None
    sums = {}
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        found, fix = f"cannot be read ({error.strerror})", "make the file readable, or remove it"
        problems.append(Problem("checksum", (path.name,), found, fix))
        return None
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if match is None:
            fix = "write it anew: sha256sum of all files, from inside the folder"
            problems.append(Problem("checksum", (path.name,), f"line {number} is not of sha256sum's format", fix))
            continue
        name = PurePosixPath(match[2])
        if name.is_absolute() or ".." in name.parts or "\\" in match[2] or re.match("[A-Za-z]:", match[2]):
            fix = "write it anew: sha256sum of all files, from inside the folder"
            found = f"line {number} names {match[2]!r}, which lies outside the folder"
            problems.append(Problem("checksum", (path.name,), found, fix))
            continue
        sums[name.as_posix()] = match[1].lower()
    return sums


def _is_prepared(root: Path, stated: str | None, problems: list[Problem]) -> bool:
    """Whether dataset.yaml states the digest of SHA256SUMS; another one there is a problem."""
    if stated is not None and stated != digest_of(root / "SHA256SUMS"):
        found, fix = "absent, or not the one whose digest dataset.yaml states", "restore it, or prepare the set again"
        problems.append(Problem("checksum", ("SHA256SUMS",), found, fix))
    return stated is not None


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
