"""What a data folder holds, as far as a configuration depends on it: the kind of its truth, sizes and objects."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.folder.listing import Listing, list_files
from datasets.folder.problems import STOP_FIRST, no_foreground, refusal
from datasets.folder.truth_files import TruthFiles, choose_truth, problems_for, reading_of
from images.objects import areas_of, median_diameter
from images.reading import MAX_PIXELS, read_bytes
from system.errors import FileError
from system.spread import spread
from tasks.truth import ClassMaps

FILES = 48  # of the truth that are measured, evenly spread
CROP_STEP, CROP_LEAST, CROP_MOST = 32, 64, 512  # pixels; a network of five levels halves a side four times
DIAMETERS = 8  # a crop shows some dozens of densely packed objects and few of them are cut by its border


@dataclass(frozen=True)
class DataFacts:
    """What a data folder holds.

    Attributes:
        images: how many there are.
        truth: "masks", "labels" or "classes", see `datasets.folder.truth_files.TruthFiles`.
        folder: "masks" or "labels", where the truth lies.
        classes: number of classes without the background.
        short_side: median of the images' short sides, in pixels.
        crop, crop_reason: what `suggest_crop` returns.
    """

    images: int
    truth: str
    folder: str
    classes: int
    short_side: float
    crop: int | None
    crop_reason: str


def measure_facts(root: Path, *, truth: str = "auto", mask_threshold: float | None = None) -> DataFacts:
    """Lists a data folder and measures some files of its truth.

    Args:
        truth, mask_threshold: see `datasets.folder.truth_files.choose_truth`.

    Raises:
        DataError: the folder cannot be used, or none of the measured files can.
    """
    listing = list_files(root)
    reads = "labels" if listing.images and set(listing.images) <= set(listing.labels) else "masks"
    chosen = choose_truth(listing, reads, truth=truth, mask_threshold=mask_threshold)
    found = problems_for(listing, chosen)
    if first := [one for one in found if one.kind in STOP_FIRST]:
        raise refusal(root, [one.as_error(root) for one in first])
    ids = sorted(set().union(*chosen.files.values()) & set(listing.images))
    if not ids:
        found = found or [no_foreground(chosen.folder, f"{len(listing.images)} images", mask_threshold)]
        raise refusal(root, [one.as_error(root) for one in found])
    sides, areas = _measured(listing, chosen, spread(ids, FILES), mask_threshold)
    short_side = float(np.median(sides))
    medians = {name: median_diameter(of_class) for name, of_class in areas.items() if of_class.size}
    crop, reason = suggest_crop(medians, short_side)
    return DataFacts(len(listing.images), chosen.kind, chosen.folder, len(chosen.files), short_side, crop, reason)


def suggest_crop(medians: Mapping[str, float], short_side: float | None) -> tuple[int | None, str]:
    """A value for `data.crop` in pixels, or None, and the reason in a line.

    Args:
        medians: class → median equivalent diameter of its objects in pixels; the class of the largest objects counts.
        short_side: median of the images' short sides in pixels, which bounds the crop.
    """
    if short_side is None:
        return None, "there is no image that can be measured"
    if not medians:
        return None, "there are no objects to measure"
    if short_side < CROP_LEAST:
        return None, f"half of the images have a side below {CROP_LEAST} pixels; use data.size"
    name, diameter = max(medians.items(), key=lambda item: item[1])
    wanted = CROP_STEP * math.floor(DIAMETERS * diameter / CROP_STEP + 0.5)
    largest = min(CROP_MOST, CROP_STEP * math.floor(short_side / CROP_STEP))
    crop = min(max(wanted, CROP_LEAST), largest)
    reason = f"{DIAMETERS} median diameters of {name} ({diameter:.1f} pixels), as a multiple of {CROP_STEP}"
    if crop > wanted:
        reason += f", at least {CROP_LEAST}"
    elif crop < wanted:
        reason += f", at most {CROP_MOST}" if crop == CROP_MOST else f", at most the median short side ({short_side:g})"
    return crop, reason


def _measured(
    listing: Listing, chosen: TruthFiles, ids: Sequence[str], threshold: float | None
) -> tuple[list[int], dict[str, np.ndarray]]:
    """Returns the short sides of these images in pixels, and class → areas of the objects in them.

    Args:
        ids: of images that have a file of truth; at least one.
    """
    reading = reading_of(chosen, listing, "labels", mask_threshold=threshold)
    sides, areas, problem = [], {name: [] for name in chosen.files}, None
    for sample_id in ids:
        try:
            for number, (name, mask, labels) in enumerate(_masks_of(listing, chosen, reading, sample_id)):
                areas[name].append(areas_of(mask, labels))
                sides += [] if number else [min(mask.shape)]
        except FileError as error:  # reading the samples reports all of them
            problem = error
    if not sides:
        raise problem
    return sides, {name: np.concatenate(found) for name, found in areas.items() if found}


def _masks_of(listing: Listing, chosen: TruthFiles, reading: object, sample_id: str) -> Iterator:
    """Yields (class, mask [H, W] uint8 {0, 1}, label map [H, W] or None) of one image."""
    for number, (name, files) in enumerate(chosen.files.items(), start=1):
        if sample_id not in files:
            continue
        path = listing.root / files[sample_id]
        found = reading.decode(read_bytes(path), str(path), MAX_PIXELS)
        if isinstance(reading, ClassMaps):
            yield name, (found == number).view(np.uint8), None
        else:
            yield name, (found > 0).view(np.uint8), found if chosen.kind == "labels" else None
