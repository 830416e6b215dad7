"""A data folder → a report of everything that is wrong with it, and of its facts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.check.checksums import compare_checksums
from datasets.check.facts import collect, find_duplicates, find_mixed_channels, find_no_foreground
from datasets.check.inspection import inspect_sample
from datasets.check.relations import find_relations
from datasets.check.report import Report
from datasets.folder.listing import list_files
from datasets.folder.problems import Problem, in_order
from datasets.folder.truth_files import TruthFiles, choose_truth
from images.choosing import reader_for
from images.reading import MAX_PIXELS
from system.threads import in_threads

NOTHING = TruthFiles("masks", "masks", {})  # where it is not clear what the truth is


def check(
    root: Path,
    *,
    truth: str = "auto",
    mask_threshold: float | None = None,
    plane: str | None = None,
    channels: int | str | Sequence[int | str] = "auto",
) -> Report:
    """Reads every file of `inputs/<set>/` once.

    Args:
        root: the data folder.
        truth: what the files of the truth are, as in `data.truth`.
        mask_threshold: where soft masks are cut, as a share of the file's full range, as in `data.mask_threshold`.
        plane, channels: which part of each file is the image, as in `data.plane` and `data.channels`.

    Raises:
        DataError: there is no such folder. All else is in the report.
    """
    listing = list_files(root)
    chosen = choose_truth(listing, "masks", truth=truth, mask_threshold=mask_threshold)
    problems = list(listing.problems)
    if isinstance(chosen, Problem):
        problems.append(chosen)
        chosen = NOTHING
    reader = reader_for(channels, plane=plane, max_pixels=MAX_PIXELS)
    inspect = lambda one: inspect_sample(listing, chosen, one, mask_threshold=mask_threshold, reader=reader)
    samples = in_threads(inspect, list(listing.images), "check")
    digests = {file: digest for one in samples for file, digest in one.digests.items()}
    wrong_sums, checksums = compare_checksums(root, digests, stated=listing.description.sha256sums)
    problems += [*find_duplicates(samples), *find_mixed_channels(samples)]
    problems += [*find_no_foreground(samples, chosen, mask_threshold), *wrong_sums]
    problems += [problem for one in samples for problem in one.problems]
    views = {one: inspected.view for one, inspected in zip(listing.images, samples, strict=True)}
    relations, about_relations = find_relations(listing, views)
    problems += about_relations
    facts = collect(listing, chosen, samples, checksums) | {"relations": relations}
    notes = (*listing.notes, chosen.note) if chosen.note else listing.notes
    return Report(str(root), facts, in_order(problems), notes)
