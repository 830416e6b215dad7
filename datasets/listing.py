"""The files of a data folder, listed in spite of everything that may be wrong with them. No pixel is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from datasets.description import NAME, Description, read_description
from datasets.problems import Problem
from images.reading import EXTENSIONS
from system.errors import DataError, FileError
from system.names import fault_of, fault_of_id, shown

LAYOUT = (
    "images/<id>.png and masks/<class>/<id>.png (or masks/<id>.png for a single class, or for class maps whose classes "
    "dataset.yaml names)"
)
ARRANGE = f"arrange the files as {LAYOUT}"
FLAT_CLASS = "foreground"  # the name of the class whose masks lie in masks/ itself


@dataclass(frozen=True)
class Listing:
    """What lies in `inputs/<set>/`. Files are paths relative to it, with forward slashes.

    Attributes:
        root: the data folder.
        images: id → file, sorted by id.
        masks: class → id → file, in the order of the channels. The classes of class maps have the same files, and the
            background is left out.
        class_maps: whether the masks are class maps.
        labels: id → label map.
        description: what dataset.yaml says; nothing where it cannot be used.
        problems: all that is wrong with the names of the files and with dataset.yaml.
    """

    root: Path
    images: Mapping[str, str]
    masks: Mapping[str, Mapping[str, str]]
    class_maps: bool
    labels: Mapping[str, str]
    description: Description
    problems: tuple[Problem, ...]

    def masks_of(self, sample_id: str) -> dict[str, str]:
        """Class → file of one image, without the classes that have none."""
        return {name: files[sample_id] for name, files in self.masks.items() if sample_id in files}


def list_files(root: Path) -> Listing:
    """Lists a data folder.

    Raises:
        DataError: there is no such folder. All else becomes one of the listing's problems.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give one (as data.root in a configuration) that holds {LAYOUT}")
    problems: list[Problem] = []
    description = _description(root, problems)
    folders = _class_folders(root, description, problems)
    images = _files_by_id(root, "images", None, problems)
    masks = {name: _files_by_id(root, folder, "masks", problems) for name, folder in folders.items()}
    labels = _files_by_id(root, "labels", "labels", problems)
    if not images:
        problems.append(Problem("layout", ("images",), f"no images ({', '.join(EXTENSIONS)})", ARRANGE))
    else:
        if len(masks) == 1:  # of several classes, an image may lack some
            ((name, files),) = masks.items()
            problems += without_partner(images, files, f"mask {folders[name]}", truth="masks")
        for files in masks.values():
            problems += _without_image(files, images, "extra mask", "masks")
        problems += _without_image(labels, images, "labels", "labels")
    class_maps = "masks" in folders.values() and description.class_map_palette is not None
    if class_maps:
        masks = dict.fromkeys(description.classes[1:], masks[FLAT_CLASS])
    return Listing(root, images, masks, class_maps, labels, description, tuple(problems))


def without_partner(images: Mapping[str, str], files: Mapping[str, str], missing: str, *, truth: str) -> list[Problem]:
    """A problem for each image without one of `files`, which are those of a training on this truth.

    Args:
        missing: what the image lacks, and its folder, such as "mask masks/nucleus".
    """
    fix = "add it, or remove the image"
    return [
        Problem("missing mask", (image,), f"no {missing}/{sample_id}.*", fix, truth)
        for sample_id, image in images.items()
        if sample_id not in files
    ]


def _without_image(files: Mapping[str, str], images: Mapping[str, str], kind: str, truth: str) -> list[Problem]:
    fix = "add the image, or remove this file"
    return [
        Problem(kind, (file,), f"no image images/{sample_id}.*", fix, truth)
        for sample_id, file in files.items()
        if sample_id not in images
    ]


def _description(root: Path, problems: list[Problem]) -> Description:
    try:
        return read_description(root)
    except FileError as error:
        problems.append(Problem("classes", (NAME,), error.found, error.fix, "masks"))
        return Description()


def _class_folders(root: Path, description: Description, problems: list[Problem]) -> dict[str, str]:
    """Class → folder of its masks, in the order of the channels; class maps count as masks of `FLAT_CLASS`."""
    top = _visible(root / "masks")
    names = [path.name for path in top if path.is_dir()]
    files = [f"masks/{shown(path.name)}" for path in top if path.suffix.lower() in EXTENSIONS and not path.is_dir()]
    if names:
        found, fix = "masks/ holds class folders and also files", "move it into the folder of its class, or remove it"
        problems += [Problem("layout", (file,), found, fix, "masks") for file in files]
        faults = {name: fault for name in names if (fault := fault_of(name))}
        for name, fault in faults.items():
            found = f"a class cannot have this name: {fault}"
            problems.append(Problem("classes", (f"masks/{shown(name)}",), found, "rename it", "masks"))
        usable = {name: f"masks/{name}" for name in names if name not in faults}
        return _in_order_of_channels(usable, description, problems)
    if not files:
        problems.append(Problem("layout", ("masks",), "no masks", ARRANGE, "masks"))
        return {}
    if description.classes and description.class_map_palette is None:
        return {description.classes[0]: "masks"}  # the only one: several would be those of class maps
    return {FLAT_CLASS: "masks"}


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


def _files_by_id(root: Path, folder: str, truth: str | None, problems: list[Problem]) -> dict[str, str]:
    """id → file that is read as an image, sorted by id; of several files of one id the last is taken."""
    files: dict[str, list[str]] = {}
    for path in _visible(root / folder):
        name = f"{folder}/{shown(path.name)}"
        if path.suffix.lower() not in EXTENSIONS:
            fix = f"nothing, if it is no image; else put it into {folder}/ itself, as one of {', '.join(EXTENSIONS)}"
            problems.append(Problem("ignored file", (name,), "not read", fix, truth))
        elif fault := fault_of_id(path.stem):
            problems.append(Problem("name", (name,), f"its name cannot name results: {fault}", "rename it", truth))
        else:
            files.setdefault(path.stem, []).append(name)
    fix = "rename or remove all but one: images and masks belong together by their stem"
    problems += [
        Problem("duplicate stem", tuple(same), f"{len(same)} files of the same stem {stem}", fix, truth)
        for stem, same in files.items()
        if len(same) > 1
    ]
    return {stem: files[stem][-1] for stem in sorted(files)}


def _visible(folder: Path) -> list[Path]:
    """What lies in `folder`, sorted, without hidden files."""
    return sorted(path for path in folder.glob("*") if path.name[0] != ".")
