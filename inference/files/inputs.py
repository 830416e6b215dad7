"""Finds the image files that predict.py reads, and gives each of them an id, after which its results are named."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from images import microscope
from images.image_reader import ImageFile
from images.microscope import is_image_folder
from images.naming import side_results_among, truth_among
from images.reading import EXTENSIONS
from system.errors import ConfigError, FileError
from system.names import fault_of_id, shown

COMPANIONS = ("thumbs.db", "ehthumbs.db", "desktop.ini")  # Windows puts them into any folder
# What is added to an id in the names of its results.
RESULTS = (".png", ".tif", ".csv", ".zip", ".geojson", "_cp_masks.tif", ".zarr")
SHOWN = 10  # names in a message


@dataclass(frozen=True)
class FoundImages:
    """What the inputs of predict.py name.

    Attributes:
        images: the images, sorted by their ids, which all differ.
        refused: an error for each image whose name cannot name results, and for each folder that cannot be searched.
        skipped: files that are no images to predict, and links to folders, which are not followed.
        truth: masks and label maps that lie beside their images; they are no images to predict.
    """

    images: tuple[ImageFile, ...]
    refused: tuple[FileError, ...]
    skipped: tuple[Path, ...]
    truth: tuple[Path, ...] = ()

    def truth_line(self) -> str:
        """Returns one line for a terminal about the masks beside the images, of which there is at least one."""
        return f"skipped {len(self.truth)} masks or label maps of other images, such as {shown(self.truth[0].name)}"

    def skipped_line(self) -> str:
        """Returns one line for a terminal about the skipped files, of which there is at least one."""
        what = "1 file that is no image" if len(self.skipped) == 1 else f"{len(self.skipped)} files that are no images"
        more = [f"… ({len(self.skipped) - SHOWN} more)"] if len(self.skipped) > SHOWN else []
        return f"skipped {what}: {', '.join([*(shown(path.name) for path in self.skipped[:SHOWN]), *more])}"


def find_images(inputs: Sequence[str], out: Path, *, option: str = "--input") -> FoundImages:
    """Finds all images that `inputs` name, without those below `out` and without hidden files and folders.

    A file that several inputs name is one image, and its id is that of the first of them.

    Args:
        inputs: files, folders (which are searched with all their subfolders) and glob patterns. The ids of a pattern
            begin behind the folder before its first wildcard.
        option: what messages call the inputs.

    Raises:
        ConfigError: an input does not exist, matches nothing or names no image; or two images have the same id, or the
            results of one would be the folder of those of another.
    """
    search = _Search(out.resolve(), option)
    for text in inputs:
        search.add(text)
    usable = []
    for image in search.images.values():
        if fault := fault_of_id(image.id):
            name = shown(str(image.path))
            search.refused.append(FileError(name, found=f"its name cannot name results: {fault}", fix="rename it"))
        else:
            usable.append(image)
    _require_own_paths(sorted(usable), option)
    skipped, truth = tuple(sorted(search.skipped)), tuple(sorted(search.truth))
    return FoundImages(tuple(sorted(usable)), tuple(search.refused), skipped, truth)


class _Search:
    """Gathers what inputs name: `images` by their absolute paths, and the others as in `FoundImages`."""

    def __init__(self, out: Path, option: str) -> None:
        self.out, self.option = out, option
        self.images: dict[str, ImageFile] = {}
        self.refused: list[FileError] = []
        self.skipped: set[Path] = set()
        self.truth: set[Path] = set()

    def add(self, text: str) -> None:
        """Gathers the files of one input."""
        base, paths = _matches(text, self.option)
        images, refused, others = {}, len(self.refused), 0
        for path in paths:
            for file in self._files(path):
                if any(part.startswith(".") for part in file.relative_to(base).parts):
                    continue
                if is_image(file):
                    images[file] = ImageFile(_id_of(file, base), file)
                elif file.name.lower() not in COMPANIONS:
                    others += 1
                    self.skipped.add(file)
        names = {image.id for image in images.values()}
        side_results = side_results_among(names)
        truth = truth_among(names - side_results)
        for file, image in images.items():
            if image.id in side_results:
                self.skipped.add(file)
            elif image.id in truth:
                self.truth.add(file)
            else:
                # Not `resolve`, because two links to one file are two images.
                self.images.setdefault(os.path.abspath(file), image)  # noqa: PTH100
        if not images and len(self.refused) == refused:
            there = f"; files there that are no images: {others}" if others else ""
            raise ConfigError(
                f"{self.option} {text}: no images there ({', '.join(EXTENSIONS)}), except those below --out{there}"
            )

    def _files(self, path: Path) -> Iterator[Path]:
        """Yields `path`, or the files and the links to folders below it; nothing below `out`."""
        if not path.is_dir() or is_image_folder(path):
            if self.out not in path.parent.resolve().parents and path.parent.resolve() != self.out:
                yield path
            return
        if self.out == path.resolve() or self.out in path.resolve().parents:
            return
        for parent, folders, files in os.walk(path, onerror=self._unreadable):
            visible = [name for name in folders if not name.startswith(".")]
            closed = [name for name in visible if _is_closed(Path(parent, name))]
            wanted = set(visible) - set(closed)
            folders[:] = sorted(name for name in wanted if Path(parent, name).resolve() != self.out)
            yield from (Path(parent, name) for name in sorted([*files, *closed]))

    def _unreadable(self, error: OSError) -> None:
        found = f"this folder cannot be searched ({error.strerror})"
        self.refused.append(FileError(shown(error.filename), found=found, fix="check its permissions"))


def _matches(text: str, option: str) -> tuple[Path, list[Path]]:
    """Returns the folder where the ids of one input begin, and the files and folders that it names, sorted."""
    given = Path(text)
    if os.path.lexists(given):
        return (given if given.is_dir() and not is_image_folder(given) else given.parent), [given]
    plain = [not glob.has_magic(part) for part in given.parts]
    if all(plain):
        raise ConfigError(f"{option} {text}: it does not exist; check the spelling of its path")
    first = plain.index(False)
    if ".." in given.parts[first:]:
        raise ConfigError(f"{option} {text}: '..' stands behind a wildcard; give the folder itself")
    # `Path.glob` refuses absolute patterns, so this is `glob.glob`.
    paths = sorted(Path(name) for name in glob.glob(text, recursive=True))  # noqa: PTH207
    if not paths:
        raise ConfigError(f"{option} {text}: no file matches this pattern; check the spelling of its path")
    return Path(*given.parts[:first]), paths


def is_image(path: Path) -> bool:
    """Whether people mean a file, or a folder of OME-Zarr, as an image. Not all of them can be read."""
    if path.suffix.lower() in (*EXTENSIONS, *microscope.EXTENSIONS):
        return not path.is_dir()
    return is_image_folder(path)


def _is_closed(folder: Path) -> bool:
    """Whether the search stays out of a folder: it is one image, or a link, which could lead in a circle."""
    return folder.is_symlink() or is_image_folder(folder)


def _id_of(path: Path, base: Path) -> str:
    inner = path.relative_to(base)
    known = path.suffix.lower() in (*EXTENSIONS, *microscope.EXTENSIONS, ".zarr")
    return (inner.with_suffix("") if known else inner).as_posix()


def _require_own_paths(images: Sequence[ImageFile], option: str) -> None:
    """Refuses images of the same id, and a result in the place of a folder of other results."""
    by_id: dict[str, list[str]] = {}
    for image in images:
        by_id.setdefault(image.id, []).append(str(image.path))
    same = [" and ".join(paths) for paths in by_id.values() if len(paths) > 1]
    if same:
        advice = (
            f"for images of one name in several folders, give the folder above them as {option}; for images that "
            "differ only in their extension, rename one, or give them another --out"
        )
        raise ConfigError("\n  ".join([f"these images would have results of the same name; {advice}:", *same[:SHOWN]]))
    folders = {str(parent): image.path for image in images for parent in PurePosixPath(image.id).parents}
    for image in images:
        for name in (image.id + extension for extension in RESULTS):
            if name in folders:
                problem = f"{image.path} would have a result {name}, where {folders[name]} needs a folder"
                raise ConfigError(f"{problem}; rename one of them")
