"""Finds label maps for the command `python -m inference.other_tools`, and the images that they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from images.naming import SAME, naming_of
from inference.other_tools.exporting import LabelFile
from system.errors import ConfigError
from system.names import fault_of_id, shown

LABEL_EXTENSIONS = (".tif", ".tiff", ".png")
IMAGE_EXTENSIONS = (*LABEL_EXTENSIONS, ".jpg", ".jpeg", ".bmp")


def find_label_files(inputs: Sequence[Path], images: Path | None) -> list[LabelFile]:
    """Returns all label maps, sorted by the ids of their images.

    Args:
        inputs: files and folders, which are searched with all their subfolders. The id of a file is its path below the
            folder, without the extension.
        images: folder of the images. Their names are those of the label maps, which may have an ending of other tools,
            such as "_cp_masks"; see `images.naming`. Without it, the ids are those of the label maps.

    Raises:
        ConfigError: there are no label maps, two have the same id, a name cannot name results, or an image is missing.
    """
    found = _by_id(pair for given in inputs for pair in _files(given, LABEL_EXTENSIONS))
    if not found:
        there = ", ".join(map(str, inputs))
        raise ConfigError(f"{there}: no label maps there ({', '.join(LABEL_EXTENSIONS)}); check the path")
    named = {} if images is None else _by_id(_files(images, IMAGE_EXTENSIONS))
    rule = SAME if images is None else naming_of(named, found)
    files = []
    for name, path in found.items():
        image_id = rule.image_of(name)
        if fault := fault_of_id(image_id):
            raise ConfigError(f"{shown(str(path))}: its name cannot name results: {fault}; rename it")
        files.append(LabelFile(image_id, path, _image_of(image_id, path, images, named)))
    return sorted(files, key=lambda file: file.name)


def _image_of(image_id: str, path: Path, images: Path | None, named: Mapping[str, Path]) -> str:
    """Returns the path of an image below the folder of the images; without such a folder, the name of the label map."""
    if images is None:
        return image_id + path.suffix
    if image_id not in named:
        raise ConfigError(f"{path}: its image {image_id} is not in {images}; the names of both must be equal")
    return named[image_id].relative_to(images).as_posix()


def _by_id(pairs: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Refuses files of the same id, also those that differ in their extension only."""
    found: dict[str, Path] = {}
    for name, path in pairs:
        if name in found:
            raise ConfigError(f"{found[name]} and {path} have the same name {name}; rename one of them")
        found[name] = path
    return found


def _files(given: Path, extensions: Sequence[str]) -> list[tuple[str, Path]]:
    """Returns the files of a folder, or a file, with their ids; hidden ones are left out."""
    if not given.exists():
        raise ConfigError(f"{given}: it does not exist; check the spelling of its path")
    if given.is_file():
        return [(given.stem, given)]
    inner = [(PurePosixPath(path.relative_to(given).as_posix()), path) for path in sorted(given.rglob("*"))]
    return [
        (name.with_suffix("").as_posix(), path)
        for name, path in inner
        if path.suffix.lower() in extensions and path.is_file() and not any(p.startswith(".") for p in name.parts)
    ]
