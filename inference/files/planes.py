"""Image files and the planes that a prediction is asked for → the images to predict."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from images.image_reader import ImageFile, ImageReader
from images.opening import axes_of
from images.planes import parse_plane, planes_along
from system.errors import FileError


def images_of(paths: Sequence[Path], reader: ImageReader, plane: str | None) -> list[Path] | list[ImageFile]:
    """Returns the images to predict, in the order of their files.

    Args:
        plane: which planes of stacks, see `images.planes.parse_plane`; None takes the plane of the run, as `paths` do.

    Returns:
        `paths` themselves without a plane; else one image for each file or, with "each", for each plane of a stack.
        Its results have the name of a folder and of the plane, such as "cells/t001_z003". A file that cannot be opened
        is one image, whose error is reported when it is read.

    Raises:
        ConfigError: there is no such plane.
    """
    if plane is None:
        return list(paths)
    if parse_plane(plane).is_one:
        return [ImageFile(path, path.stem, plane) for path in paths]
    return [image for path in paths for image in _planes_of(path, plane, reader.max_pixels)]


def _planes_of(path: Path, plane: str, max_pixels: int) -> list[ImageFile]:
    try:
        axes = axes_of(path, max_pixels=max_pixels)
    except FileError:
        return [ImageFile(path, path.stem, "max")]
    found = planes_along(axes, plane)
    return [ImageFile(path, f"{path.stem}/{name}" if name else path.stem, one) for name, one in found.items()]
