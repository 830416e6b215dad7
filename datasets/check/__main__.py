"""Reads a whole data folder once, and prints its facts, everything that is wrong with it, and the fix for each.

The exit code is 0, or 3 where there are errors; warnings do not count.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from system.command_line import channels, fraction
from system.errors import DataError, run_script


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process.

    Raises:
        DataError: the folder has errors (they are printed before), or there is no such folder.
    """
    parser = argparse.ArgumentParser(prog="python -m datasets.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="data folder, such as inputs/dsb2018")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the whole report to this file as well")
    parser.add_argument(
        "--mask-threshold",
        type=partial(fraction, option="--mask-threshold"),
        metavar="T",
        help="accept soft masks and cut them at this fraction of their full range, as data.mask_threshold does",
    )
    truth_help = "what the files in masks/ are, as data.truth says it (default: recognised)"
    parser.add_argument("--truth", choices=("auto", "masks", "labels", "classes"), default="auto", help=truth_help)
    plane_help = "the plane of stacks, as data.plane: z=3 (from 0), t=0,z=3 or max"
    parser.add_argument("--plane", metavar="PLANE", help=plane_help)
    channels_help = "the channels that are read, as data.channels: auto, 5, [0, 2] or [DAPI, GFP]"
    channels_type = partial(channels, option="--channels")
    parser.add_argument("--channels", type=channels_type, metavar="CHANNELS", default="auto", help=channels_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)

    from datasets.check.folder import check  # imported here, because OpenCV would slow --help
    from datasets.check.report import counted
    from system.files import write_text

    report = check(
        options.folder,
        truth=options.truth,
        mask_threshold=options.mask_threshold,
        plane=options.plane,
        channels=options.channels,
    )
    print(report.text())
    if options.json is not None:
        write_text(options.json, report.json())
    if report.errors:
        raise DataError(f"{options.folder}: {counted(report.errors, 'error')}; correct what is listed above")


if __name__ == "__main__":
    sys.exit(run_script(main))
