"""The files of a data folder, listed in spite of everything that may be wrong with them. No pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.folder.description import NAME, Description, read_description
from datasets.folder.files import files_by_id, folders_in, images_in, renamed, without_need
from datasets.folder.layouts import LAYOUT, advice, without_images
from datasets.folder.problems import Problem
from images.naming import SAME, Naming, naming_of, naming_within, truth_among
from system.errors import DataError, FileError
from system.names import fault_of, shown

FLAT_CLASS = "foreground"  # the name of the class whose masks lie in masks/ itself


@dataclass(frozen=True)
class Listing:
    """What lies in `inputs/<set>/`. Files are paths relative to it, with forward slashes.

    Attributes:
        root: the data folder.
        images: id → file, sorted by id.
        masks: class → id → file, in the order of the channels.
        flat: whether the masks are not in class folders, so that they may also be class maps or label maps.
        labels: id → label map.
        description: what dataset.yaml says; nothing where it cannot be used.
        problems: all that is wrong with the names of the files and with dataset.yaml.
        notes: how files belong together whose names differ, in sentences.
    """

    root: Path
    images: Mapping[str, str]
    masks: Mapping[str, Mapping[str, str]]
    flat: bool
    labels: Mapping[str, str]
    description: Description
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def list_files(root: Path) -> Listing:
    """Lists a data folder.

    Raises:
        DataError: there is no such folder. All else becomes one of the listing's problems.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one (as data.root in a configuration) that holds {LAYOUT}")
    problems: list[Problem] = []
    description = _description(root, problems)
    if any((root / name).is_dir() for name in ("masks", "labels")):
        images = files_by_id(root, "images", None, problems)
        found = {"labels": files_by_id(root, "labels", "labels", problems)}
        folders, flat = _class_folders(root, description, problems, others=bool(found["labels"]))
        found |= {folder: files_by_id(root, folder, "masks", problems) for folder in folders.values()}
        namings = {folder: naming_of(images, files) for folder, files in found.items()}
    else:
        images, found, namings = _mixed(root, problems)
        folders, flat = {_flat_class(description): folder for folder in found}, True
    found = {folder: renamed(files, namings[folder]) for folder, files in found.items()}
    masks = {name: found[folder] for name, folder in folders.items()}
    labels = found.get("labels", {})
    if not images:
        problems.append(without_images(root))
    else:
        if len(masks) == 1:  # of several classes, an image may lack some
            (folder,) = folders.values()
            problems += without_partner(images, found[folder], f"mask {folder}", namings[folder], truth="masks")
        for files in masks.values():
            problems += _without_image(files, images, "extra mask", "masks")
        if labels and not masks:  # then they are what every training reads
            problems += without_partner(images, labels, "label map labels", namings["labels"], truth=None)
            problems += _without_image(labels, images, "extra mask", None)
        else:
            problems += _without_image(labels, images, "labels", "labels")
    truth = {sample_id: file for files in (*masks.values(), labels) for sample_id, file in files.items()}
    problems = [without_need(problem, truth) for problem in problems]
    notes = [f"{folder}/ has files named {naming}" for folder, naming in namings.items() if naming != SAME]
    return Listing(root, images, masks, flat, labels, description, tuple(problems), tuple(notes))


def without_partner(
    images: Mapping[str, str], files: Mapping[str, str], missing: str, naming: Naming = SAME, *, truth: str | None
) -> list[Problem]:
    """Returns a problem for each image without one of `files`, which are those of a training on this truth.

    Args:
        missing: what the image lacks, and its folder, such as "mask masks/nucleus".
        naming: of the files.
    """
    fix = "add it, or remove the image"
    return [
        Problem("missing mask", (image,), f"no {missing}/{naming.file_of(sample_id)}.*", fix, truth)
        for sample_id, image in images.items()
        if sample_id not in files
    ]


def _without_image(files: Mapping[str, str], images: Mapping[str, str], kind: str, truth: str | None) -> list[Problem]:
    fix = "add the image, or remove this file"
    return [
        Problem(kind, (file,), f"no image images/{sample_id}.*", fix, truth)
        for sample_id, file in files.items()
        if sample_id not in images
    ]


def _mixed(root: Path, problems: list[Problem]) -> tuple[dict[str, str], dict[str, dict[str, str]], dict[str, Naming]]:
    """Lists a folder without masks/ and labels/, where the files of the truth may lie among the images.

    Returns:
        id → image; and, for the folder of both, id → file of the truth, and how these files are named.
    """
    folder = "images" if (root / "images").is_dir() else "."
    found = files_by_id(root, folder, None, problems)
    naming = naming_within(found)
    if naming is None:
        if folder == "images":
            problems.append(Problem("layout", ("masks",), "no masks", advice(root), "masks"))
        return (found if folder == "images" else {}), {}, {}
    among = truth_among(found)
    truth = {one: file for one, file in found.items() if one in among}
    images = {one: file for one, file in found.items() if one not in among}
    return images, {folder: truth}, {folder: naming}


def _description(root: Path, problems: list[Problem]) -> Description:
    try:
        return read_description(root)
    except FileError as error:
        problems.append(Problem("classes", (NAME,), error.found, error.fix, "masks"))
        return Description()


def _class_folders(
    root: Path, description: Description, problems: list[Problem], *, others: bool
) -> tuple[dict[str, str], bool]:
    """Class → folder of its masks, in the order of the channels; and whether there is but one, masks/ itself.

    Folders in masks/ that are called like the folders in images/ are no classes.

    Args:
        others: whether there is other truth, so that masks may be missing.
    """
    files = [f"masks/{shown(name)}" for name in images_in(root / "masks")]
    names = folders_in(root / "masks")
    if names and set(names) - set(folders_in(root / "images")):
        found, fix = "masks/ holds class folders and also files", "move it into the folder of its class, or remove it"
        problems += [Problem("layout", (file,), found, fix, "masks") for file in files]
        faults = {name: fault for name in names if (fault := fault_of(name))}
        for name, fault in faults.items():
            found = f"a class cannot have this name: {fault}"
            problems.append(Problem("classes", (f"masks/{shown(name)}",), found, "rename it", "masks"))
        usable = {name: f"masks/{name}" for name in names if name not in faults}
        return _in_order_of_channels(usable, description, problems), False
    if not files and not names:
        if not others:
            problems.append(Problem("layout", ("masks",), "no masks", advice(root), "masks"))
        return {}, True
    return {_flat_class(description): "masks"}, True


def _flat_class(description: Description) -> str:
    """Returns the name of the only class, whose masks lie in masks/ itself."""
    if description.classes and description.class_map_palette is None:
        return description.classes[0]  # the only one: several would be those of class maps
    return FLAT_CLASS


def _in_order_of_channels(folders: dict[str, str], description: Description, problems: list[Problem]) -> dict[str, str]:
    """Class folders in the order in which dataset.yaml names the classes."""
    if description.palette is not None or description.void is not None:
        found = f"palette: and void: belong to class maps, but masks/ holds folders ({', '.join(folders)})"
        fix = "remove the keys, or bring the class maps into masks/"
        problems.append(Problem("classes", (NAME,), found, fix, "masks"))
    named = description.classes
    if named is not None and sorted(named) != sorted(folders):
        found = f"classes {', '.join(named)}, but masks/ holds {', '.join(folders) or 'none'}"
        problems.append(Problem("classes", (NAME,), found, "make the two agree", "masks"))
        return folders
    return folders if named is None else {name: folders[name] for name in named}
