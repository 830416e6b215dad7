"""What was measured in each sample → the facts of the whole data folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets.check.inspection import Inspection
from datasets.facts import suggest_crop
from datasets.folder.listing import Listing
from datasets.folder.problems import Problem, no_foreground
from datasets.folder.truth_files import TruthFiles
from images.choosing import mixed_channels


def collect(
    listing: Listing, truth: TruthFiles, samples: Sequence[Inspection], checksums: Mapping[str, int] | None
) -> dict[str, Any]:
    """Returns the facts of a folder, in plain Python types.

    Returns:
        images; sizes {smallest, largest: [height, width] by area, distinct, median_short_side} or None; pixels
        {channels and type: images}; equal_channels; classes {name: see `_class_facts`}; overlap_share of all pixels;
        truth, see `TruthFiles.kind`; label_maps; checksums {listed, matching} or None; suggested_crop in pixels or
        None; suggested_crop_reason.
    """
    sizes = [one.size for one in samples if one.size]
    classes = {name: _class_facts(name, samples) for name in truth.files}
    medians = {name: of["diameter"]["median"] for name, of in classes.items() if of["diameter"]}
    short_side = float(np.median([min(size) for size in sizes])) if sizes else None
    crop, reason = suggest_crop(medians, short_side)
    return {
        "images": len(listing.images),
        "sizes": _size_facts(sizes, short_side),
        "pixels": dict(sorted(Counter(one.pixels for one in samples if one.pixels).items())),
        "equal_channels": sum(one.equal_channels for one in samples),
        "classes": classes,
        "overlap_share": _share(sum(one.overlapping for one in samples), sum(h * w for h, w in sizes)),
        "truth": truth.kind,
        "label_maps": len(listing.labels),
        "checksums": checksums,
        "suggested_crop": crop,
        "suggested_crop_reason": reason,
    }


def _size_facts(sizes: Sequence[tuple[int, int]], short_side: float | None) -> dict[str, Any] | None:
    if not sizes:
        return None
    by_area = sorted(set(sizes), key=lambda size: (size[0] * size[1], size))
    return {
        "smallest": list(by_area[0]),
        "largest": list(by_area[-1]),
        "distinct": len(by_area),
        "median_short_side": short_side,
    }


def _class_facts(name: str, samples: Sequence[Inspection]) -> dict[str, Any]:
    """The facts of one class.

    Returns:
        mask_files; with_foreground, how many of them are not empty; foreground_share of all pixels of usable samples or
        None; objects; diameter {p5, median, p95}, their equivalent diameter in pixels, or None.
    """
    masks = [one.measures[name] for one in samples if name in one.measures]
    areas = np.concatenate([mask.areas for mask in masks]) if masks else np.zeros(0)
    p5, median, p95 = np.percentile(np.sqrt(4 * areas / np.pi), (5, 50, 95)).tolist() if areas.size else (None,) * 3
    return {
        "mask_files": sum(name in one.masks for one in samples),
        "with_foreground": sum(mask.foreground > 0 for mask in masks),
        "foreground_share": _share(sum(mask.foreground for mask in masks), sum(mask.pixels for mask in masks)),
        "objects": int(areas.size),
        "diameter": {"p5": p5, "median": median, "p95": p95} if areas.size else None,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def find_duplicates(samples: Sequence[Inspection]) -> list[Problem]:
    """Returns a problem for each group of images of identical pixels."""
    groups: dict[str, list[Inspection]] = {}
    for one in samples:
        if one.content is not None:
            groups.setdefault(one.content, []).append(one)
    problems = []
    fix = "keep one, or put all into one part with data.split_file: else images to validate with are trained with"
    for group in groups.values():
        if len(group) > 1:
            truths = {tuple((name, mask.digest) for name, mask in sorted(one.measures.items())) for one in group}
            found = f"the same pixels {len(group)} times, with {'equal' if len(truths) == 1 else 'different'} masks"
            problems.append(Problem("duplicate image", tuple(one.image for one in group), found, fix))
    return problems


def find_no_foreground(samples: Sequence[Inspection], truth: TruthFiles, threshold: float | None) -> list[Problem]:
    """Returns a problem where no usable file of the truth has any foreground."""
    measures = [measure for one in samples for measure in one.measures.values()]
    if not measures or any(measure.foreground for measure in measures):
        return []
    return [no_foreground(truth.folder, f"{len(samples)} images", threshold)]


def find_mixed_channels(samples: Sequence[Inspection]) -> list[Problem]:
    """Returns a problem if no training can read the images as they are, because their numbers of channels differ."""
    counts = Counter(one.channels for one in samples if one.channels is not None)
    if (problem := mixed_channels(counts)) is None:
        return []
    most = counts.most_common(1)[0][0]
    rare = [one.image for one in samples if one.channels not in (None, most)]
    return [Problem("channels", tuple(rare), *problem)]
