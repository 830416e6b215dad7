"""A data folder → a report of everything that is wrong with it, and of its facts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from datasets.check.checksums import compare_checksums
from datasets.check.facts import collect, find_duplicates, find_mixed_channels
from datasets.check.inspection import inspect_sample
from datasets.check.report import Report
from datasets.listing import list_files
from datasets.problems import in_order
from datasets.threads import in_threads
from images.choosing import reader_for
from images.reading import MAX_PIXELS


def check(
    root: Path,
    *,
    mask_threshold: float | None = None,
    plane: str | None = None,
    channels: int | str | Sequence[int | str] = "auto",
) -> Report:
    """Reads every file of `inputs/<set>/` once.

    Args:
        root: the data folder.
        mask_threshold: where soft masks are cut, as a share of the file's full range, as in `data.mask_threshold`.
        plane, channels: which part of each file is the image, as in `data.plane` and `data.channels`.

    Raises:
        DataError: there is no such folder. All else is in the report.
    """
    listing = list_files(root)
    reader = reader_for(channels, plane=plane, max_pixels=MAX_PIXELS)
    inspect = lambda sample_id: inspect_sample(listing, sample_id, mask_threshold=mask_threshold, reader=reader)
    samples = in_threads(inspect, list(listing.images), "check")
    digests = {file: digest for one in samples for file, digest in one.digests.items()}
    wrong_sums, checksums = compare_checksums(root, digests, stated=listing.description.sha256sums)
    problems = [*listing.problems, *find_duplicates(samples), *find_mixed_channels(samples), *wrong_sums]
    problems += [problem for one in samples for problem in one.problems]
    return Report(str(root), collect(listing, samples, checksums), in_order(problems))
