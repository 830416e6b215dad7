"""How tools name the file of the truth, a mask or a label map, that belongs to an image."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

# What tools and people add to the name of an image to name its masks or label map, behind "_" or "-". The longer ones
# come first, so that "_cp_masks" (Cellpose) is not taken for "_masks".
WORDS = ("cp_masks", "masks", "mask", "labelled", "labeled", "labels", "label", "segmentation", "seg", "gt")
TRUTH_ENDINGS = tuple(mark + word for word in WORDS for mark in "_-")
CELLPOSE_ENDINGS = ("_cp_masks", "_masks")  # those that Cellpose itself writes
IMAGE_ENDINGS = ("", "_img", "_image", "-image")  # Cellpose's data sets have 000_img.png and 000_masks.png

# What else Cellpose's programs write beside an image: flows, probabilities, outlines and a figure of all of them.
SIDE_RESULT = re.compile(r"(?P<image>.+?)_(?:flows|dP|cellprob|(?:cp_)?output|outlines)(?:_cp_masks)?")


@dataclass(frozen=True)
class Naming:
    """How the name of a file of the truth follows from the name of its image; by default they are equal.

    Attributes:
        truth: the ending of the files of the truth.
        image: the ending of the images, which their files of the truth do not have.
    """

    truth: str = ""
    image: str = ""

    def image_of(self, truth_id: str) -> str:
        """Returns the id of the image that a file of the truth belongs to."""
        return truth_id[: len(truth_id) - len(self.truth)] + self.image

    def file_of(self, image_id: str) -> str:
        """Returns the id of the file of the truth that belongs to an image."""
        return image_id[: len(image_id) - len(self.image)] + self.truth

    def __str__(self) -> str:
        return f"<name>{self.image} and <name>{self.truth}" if self.image else f"<image>{self.truth}"


SAME = Naming()


def naming_of(images: Iterable[str], truth: Iterable[str]) -> Naming:
    """Returns how files of the truth in a folder of their own are named, given the ids of both.

    A rule counts if all files of the truth follow it, at least one has its image by it, and none has the very name of
    an image.
    """
    images, truth = set(images), set(truth)
    if images & truth:
        return SAME
    for ending in TRUTH_ENDINGS:
        if truth and all(name.endswith(ending) for name in truth):
            found = {rule: len(images & set(map(rule.image_of, truth))) for rule in _rules(ending)}
            best = max(found, key=found.get)
            return best if found[best] else SAME
    return SAME


def naming_within(names: Iterable[str]) -> Naming | None:
    """Returns how the files of the truth are named that lie among their images; None if there are no such files.

    Of several rules, the one counts that finds the most pairs of an image and a file of the truth.
    """
    names = set(names)
    found = {
        rule: sum(name.endswith(ending) and rule.image_of(name) in names for name in names)
        for ending in TRUTH_ENDINGS
        for rule in _rules(ending)
    }
    best = max(found, key=found.get)
    return best if found[best] else None


def _rules(ending: str) -> list[Naming]:
    return [Naming(ending, image) for image in IMAGE_ENDINGS]


def side_results_among(names: Iterable[str]) -> set[str]:
    """Returns those of the ids whose files Cellpose wrote beside an image or its label map, and which are neither."""
    names = set(names)
    found = {name: match["image"] for name in names if (match := SIDE_RESULT.fullmatch(name))}
    return {name for name, image in found.items() if names & {image, f"{image}_img", f"{image}_cp_masks"}}


def truth_among(names: Iterable[str]) -> set[str]:
    """Returns those of the ids whose files are masks or label maps of others; see `naming_within`."""
    names = set(names)
    naming = naming_within(names)
    return {name for name in names if naming and name.endswith(naming.truth) and naming.image_of(name) in names}
