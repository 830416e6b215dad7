"""Decides which files of a data folder are the truth of a training, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from datasets.folder.description import NAME
from datasets.folder.listing import FLAT_CLASS, Listing, without_partner
from datasets.folder.problems import Problem
from datasets.folder.recognition import FILES, Evidence, look_at
from images.reading import MAX_PIXELS
from system.spread import spread
from tasks.truth import ClassMaps, LabelForeground, LabelMaps, MaskFiles, Truth

CELL = "cell"  # the class of label maps, unless something else names it
KEY = "data.truth"


@dataclass(frozen=True)
class TruthFiles:
    """The files of the truth.

    Attributes:
        kind: "masks", "labels" (label maps) or "classes" (class maps).
        folder: "masks" or "labels"; the problems with this folder concern the training.
        files: class → id → file, in the order of the channels. The classes of class maps have the same files, and the
            background is left out.
        note: how they were recognised, in a sentence; empty where the folders say it.
    """

    kind: str
    folder: str
    files: Mapping[str, Mapping[str, str]]
    note: str = ""


def choose_truth(
    listing: Listing,
    reads: str,
    *,
    truth: str = "auto",
    mask_threshold: float | None = None,
    max_pixels: int = MAX_PIXELS,
) -> TruthFiles | Problem:
    """Chooses the files of the truth; a problem where there are none for the task, or it is not clear what they are.

    Args:
        reads: what the task reads: "masks", and label maps as well; "labels" only; or "classes", class maps or masks.
        truth: what the files are: "masks", "labels" or "classes"; "auto" recognises it by the folders, by dataset.yaml
            and by some of the files.
        mask_threshold: where soft masks are cut; a sign that the files are masks.
    """
    palette = listing.description.class_map_palette
    if reads == "classes" and (truth == "labels" or (truth == "auto" and not listing.masks and listing.labels)):
        found, fix = "label maps name no classes", "set task: distance or binary, or give class maps in masks/"
        return Problem("truth", ("labels",), found, fix, None)
    if truth == "classes" or (truth == "auto" and reads != "labels" and listing.flat and listing.masks and palette):
        return _class_maps(listing)
    if truth == "labels" or (truth == "auto" and (reads == "labels" or not listing.masks)):
        if listing.labels:
            return TruthFiles("labels", "labels", {_class_of_labels(listing): listing.labels})
        if reads == "labels" and len(listing.masks) > 1:
            return _no_label_maps(f"masks/ holds folders of {len(listing.masks)} classes")
        if truth == "labels" and listing.masks:
            return _masks_as_labels(listing)
    if not listing.masks or truth == "masks" or reads == "classes":
        return TruthFiles("masks", "masks", listing.masks)
    evidence = _evidence(listing, max_pixels)
    if evidence.kind == "unclear" and reads != "labels" and mask_threshold is None:
        return _unclear(evidence)
    if evidence.kind == "labels" or (evidence.kind == "unclear" and reads == "labels"):
        if mask_threshold is not None:
            return _threshold_of_labels(evidence, mask_threshold)
        return _masks_as_labels(listing, note=f"the masks are label maps ({evidence})")
    if reads == "labels":
        return _no_label_maps(f"masks/ holds masks ({evidence.values_text()})")
    note = f"the masks mark foreground, and are no label maps ({evidence.values_text()}, in {evidence.files} files)"
    return TruthFiles("masks", "masks", listing.masks, note if evidence.files else "")


def problems_for(listing: Listing, chosen: TruthFiles | Problem) -> list[Problem]:
    """Returns the problems of the listing that stop a training on this truth; it is the last, if it is one itself."""
    folder = chosen.truth or "masks" if isinstance(chosen, Problem) else chosen.folder
    found = [one for one in listing.problems if one.stops(folder)]
    if isinstance(chosen, Problem):
        found.append(chosen)
    elif folder == "labels" and listing.masks:  # without masks, the listing has looked for these partners
        found += without_partner(listing.images, listing.labels, "label map labels", truth="labels")
    return found


def reading_of(found: TruthFiles, listing: Listing, reads: str, *, mask_threshold: float | None = None) -> Truth:
    """Returns how the chosen files are read for a task; arguments as those of `choose_truth`."""
    where, classes = listing.root / found.folder, tuple(found.files)
    if found.kind == "classes":
        described = listing.description
        return ClassMaps(listing.root / NAME, described.classes, described.class_map_palette, described.void)
    if found.kind == "labels":
        return LabelMaps(where, classes) if reads == "labels" else LabelForeground(where, classes)
    return MaskFiles(where, classes, mask_threshold)


def _class_maps(listing: Listing) -> TruthFiles | Problem:
    described = listing.description
    if described.class_map_palette is None or not listing.flat or not listing.masks:
        found = "no class maps: they lie in masks/ itself, and dataset.yaml names their classes"
        fix = f"name them there, such as classes: [background, nucleus]; or leave {KEY} out"
        return Problem("truth", ("masks",), found, fix, "masks")
    (files,) = listing.masks.values()
    return TruthFiles("classes", "masks", dict.fromkeys(described.classes[1:], files))


def _masks_as_labels(listing: Listing, note: str = "") -> TruthFiles:
    files = {CELL if name == FLAT_CLASS else name: of for name, of in listing.masks.items()}
    return TruthFiles("labels", "masks", files, note)


def _class_of_labels(listing: Listing) -> str:
    """Returns the name of the class of the label maps in labels/: that of masks/, or of dataset.yaml."""
    if len(listing.masks) == 1:
        return next(iter(listing.masks))
    named = listing.description.classes or ()
    return named[0] if len(named) == 1 else CELL


def _evidence(listing: Listing, max_pixels: int) -> Evidence:
    files = sorted({file for of in listing.masks.values() for file in of.values()})
    return look_at([listing.root / file for file in spread(files, FILES)], max_pixels=max_pixels)


def _no_label_maps(found: str) -> Problem:
    fix = "put label maps, in which each cell has its own number, into labels/; or set task: binary, which learns masks"
    return Problem("truth", ("labels",), f"no label maps, and {found}", fix, "labels")


def _unclear(evidence: Evidence) -> Problem:
    found = f"{evidence}: these may be label maps or class maps"
    fix = (
        f"set {KEY}: labels if each number is one cell; if the numbers are classes, name them in dataset.yaml "
        "(classes: [background, …])"
    )
    return Problem("truth", ("masks",), found, fix, None)


def _threshold_of_labels(evidence: Evidence, threshold: float) -> Problem:
    found = f"label maps ({evidence}), but data.mask_threshold: {threshold} is for soft masks"
    fix = f"leave data.mask_threshold out, so that each number is one cell; or set {KEY}: masks"
    return Problem("truth", ("masks",), found, fix, None)
