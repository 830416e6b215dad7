"""Reads a whole data folder once and tells its facts and everything that is wrong with it, with the fix for each.

Ends with 0, or with 3 where it found errors; warnings alone do not count.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from system.command_line import fraction
from system.errors import DataError, run_script

if TYPE_CHECKING:  # imported where they are used: OpenCV would slow --help
    from datasets.check.findings import Problem, Report


def check(root: Path, *, mask_threshold: float | None = None) -> Report:
    """Reads every file of `inputs/<set>/` once, with several threads and a progress bar on a terminal.

    Args:
        root: the data folder.
        mask_threshold: for soft masks, in units of their full range, as in `data.mask_threshold`.

    Raises:
        DataError: no such folder. All else is in the report.
    """
    from datasets.check.facts import collect, find_duplicates
    from datasets.check.findings import Report, in_order
    from datasets.check.inspection import inspect_sample
    from datasets.check.inventory import take_inventory

    inventory = take_inventory(root)
    names, described = inventory.classes, inventory.described
    inspect = lambda entry: inspect_sample(root, entry, names, described, mask_threshold=mask_threshold)
    samples = _in_threads(inspect, inventory.entries, "check")
    problems = [*inventory.problems, *find_duplicates(samples)]
    problems += [problem for one in samples for problem in one.problems]
    checksums = None
    if inventory.sums is not None:
        digests = {file: digest for one in samples for file, digest in one.digests.items()}
        wrong = _compare(root, inventory.sums, digests)
        problems += wrong + (_unlisted(inventory.sums, digests) if inventory.prepared else [])
        checksums = {"listed": len(inventory.sums), "matching": len(inventory.sums) - len(wrong)}
    return Report(str(root), collect(inventory, samples, checksums), in_order(problems))


def _in_threads(work: Callable[[Any], Any], items: Iterable[Any], title: str) -> list[Any]:
    from concurrent.futures import ThreadPoolExecutor

    from tqdm import tqdm

    items = list(items)
    pool = ThreadPoolExecutor()  # decoding and digesting release the interpreter's lock
    try:
        return list(tqdm(pool.map(work, items), title, len(items), leave=False, disable=None))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for what has not begun


def _compare(root: Path, sums: Mapping[str, str], digests: Mapping[str, str | None]) -> list[Problem]:
    """Problems of SHA256SUMS; `digests` are those of files read already, the others are read here."""
    from datasets.check.findings import Problem
    from datasets.check.inventory import digest_of

    def digest(name: str) -> str | None:
        return digests[name] if name in digests else digest_of(root / name)

    problems = []
    for name, found in zip(sums, _in_threads(digest, sums, "checksums"), strict=True):
        fix = "restore the file, or prepare the set again; if the change is meant, write SHA256SUMS anew"
        if found is None:
            absent = "listed in SHA256SUMS, but absent or not readable"
            problems.append(Problem("checksum", (name,), absent, fix))
        elif found != sums[name]:
            differs = f"SHA-256 {found[:12]}…, but SHA256SUMS says {sums[name][:12]}…"
            problems.append(Problem("checksum", (name,), differs, fix))
    return problems


def _unlisted(sums: Mapping[str, str], digests: Mapping[str, str | None]) -> list[Problem]:
    from datasets.check.findings import Problem

    # Only of a set that was prepared here: a list made by hand may be of some files.
    found, fix = "not listed in SHA256SUMS: added later", "remove it; if it is meant, write SHA256SUMS anew"
    return [Problem("checksum", (name,), found, fix) for name in digests if name not in sums]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process.

    Raises:
        DataError: the folder has errors (they are printed before), or there is no such folder.
    """
    parser = argparse.ArgumentParser(prog="python -m datasets.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="data folder, such as inputs/dsb2018")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything that was found to this file as well"
    )
    parser.add_argument(
        "--mask-threshold",
        type=partial(fraction, option="--mask-threshold"),
        metavar="T",
        help="accept soft masks and cut them at this fraction of their full range, as data.mask_threshold does",
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)

    from system.files import write_text

    report = check(options.folder, mask_threshold=options.mask_threshold)
    print(report.text())
    if options.json is not None:
        write_text(options.json, report.json())
    if report.errors:
        raise DataError(f"{options.folder}: {report.errors} errors; mend what is listed above")


if __name__ == "__main__":
    sys.exit(run_script(main))
