"""A data folder → a report of everything that is wrong with it, and of its facts."""

from __future__ import annotations

from pathlib import Path

from datasets.check.checksums import compare_checksums
from datasets.check.facts import collect, find_duplicates
from datasets.check.inspection import inspect_sample
from datasets.check.report import Report
from datasets.listing import list_files
from datasets.problems import in_order
from datasets.threads import in_threads


def check(root: Path, *, mask_threshold: float | None = None) -> Report:
    """Reads every file of `inputs/<set>/` once.

    Args:
        root: the data folder.
        mask_threshold: where soft masks are cut, as a share of the file's full range, as in `data.mask_threshold`.

    Raises:
        DataError: there is no such folder. All else is in the report.
    """
    listing = list_files(root)
    inspect = lambda sample_id: inspect_sample(listing, sample_id, mask_threshold=mask_threshold)
    samples = in_threads(inspect, list(listing.images), "check")
    digests = {file: digest for one in samples for file, digest in one.digests.items()}
    wrong_sums, checksums = compare_checksums(root, digests, stated=listing.description.sha256sums)
    problems = [*listing.problems, *find_duplicates(samples), *wrong_sums]
    problems += [problem for one in samples for problem in one.problems]
    return Report(str(root), collect(listing, samples, checksums), in_order(problems))
