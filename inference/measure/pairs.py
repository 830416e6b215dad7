"""Which label map belongs to which image, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from images.image_reader import ImageFile
from images.naming import IMAGE_ENDINGS, TRUTH_ENDINGS
from system.errors import ConfigError, FileError


@dataclass(frozen=True)
class Pair:
    """A label map, and its image if images are given.

    Attributes:
        id: names the results: the id of the image, or else of the label map.
    """

    id: str
    labels: ImageFile
    image: ImageFile | None


def pairs_of(labels: Sequence[ImageFile], images: Sequence[ImageFile] | None) -> tuple[list[Pair], list[FileError]]:
    """Returns the pairs, sorted by their ids, and an error for each label map without an image.

    An image belongs to a label map if both have one id, or if they have without an ending of `images.naming`. In a
    folder that holds both, the files with an ending of label maps are the label maps.

    Args:
        labels, images: files with their ids; one file of each kind is a pair under any names. None: there are none.

    Raises:
        ConfigError: two label maps belong to one image, or two images to one label map.
    """
    if images is None:
        return [Pair(one.id, one, None) for one in sorted(labels)], []
    mixed = {one.path for one in labels} & {one.path for one in images}
    if mixed:
        labels = [one for one in labels if one.path not in mixed or without(one.id, TRUTH_ENDINGS) != one.id]
        taken = {one.path for one in labels}
        images = [one for one in images if one.path not in taken]
    if len(labels) == len(images) == 1:
        return [Pair(images[0].id, labels[0], images[0])], []
    by_name = {without(one.id, IMAGE_ENDINGS): one for one in images}
    if len(by_name) < len(images):
        twice = next(one for one in images if by_name[without(one.id, IMAGE_ENDINGS)] != one)
        raise ConfigError(f"{twice} and {by_name[without(twice.id, IMAGE_ENDINGS)]} have one name; rename one of them")
    by_id = {one.id: one for one in images}
    pairs: dict[str, Pair] = {}
    lonely = []
    for one in sorted(labels):
        name = without(one.id, TRUTH_ENDINGS)
        image = by_id.get(one.id) or by_name.get(one.id) or by_id.get(name) or by_name.get(name)
        if image is None:
            fix = "give both the same name; see docs/measurements.md for the endings that may differ"
            lonely.append(FileError(str(one), found="no image has the name of this label map", fix=fix))
        elif image.id in pairs:
            both = f"{pairs[image.id].labels} and {one}"
            raise ConfigError(f"{both} belong to one image, {image}; keep one of the label maps in another folder")
        else:
            pairs[image.id] = Pair(image.id, one, image)
    return [pairs[name] for name in sorted(pairs)], lonely


def without(name: str, endings: Sequence[str]) -> str:
    """Returns a name without the first of the endings that it has."""
    return next((name.removesuffix(ending) for ending in endings if ending and name.endswith(ending)), name)
