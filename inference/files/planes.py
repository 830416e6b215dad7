"""The files that a prediction reads, and the planes that it is asked for → the images to predict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from images.image_reader import ImageFile, ImageReader
from images.opening import axes_of
from images.planes import parse_plane, planes_along
from system.errors import FileError


def images_of(files: Sequence[ImageFile], reader: ImageReader, plane: str | None) -> list[ImageFile]:
    """Returns the images to predict, in the order of their files.

    Args:
        plane: which planes of stacks, see `images.planes.parse_plane`; None takes the plane of the run.

    Returns:
        One image for each file or, with "each", for each plane of a stack. The results of a plane lie in a folder that
        is named by the id of its file, such as "cells/t001_z003". A file that cannot be opened is one image, whose
        error is reported when it is read.

    Raises:
        ConfigError: there is no such plane.
    """
    if plane is None or parse_plane(plane).is_one:
        return [replace(file, plane=plane) for file in files]
    return [image for file in files for image in _planes_of(file, plane, reader.max_pixels)]


def _planes_of(file: ImageFile, plane: str, max_pixels: int) -> list[ImageFile]:
    try:
        axes = axes_of(file.path, max_pixels=max_pixels)
    except FileError:
        return [replace(file, plane="max")]
    found = planes_along(axes, plane)
    return [replace(file, id=f"{file.id}/{name}" if name else file.id, plane=one) for name, one in found.items()]


def planes_line(files: Iterable[Hashable]) -> str | None:
    """Returns a sentence about counts of cells in planes; None if each image has a file of its own.

    Args:
        files: the file of each image.
    """
    numbers = [number for number in Counter(files).values() if number > 1]
    if not numbers:
        return None
    stacks = "1 stack" if len(numbers) == 1 else f"{len(numbers):,} stacks"
    return (
        f"{sum(numbers):,} images are planes of {stacks}: a cell that several planes show counts in each of them; "
        "--plane max, with another --out, counts it once"
    )
