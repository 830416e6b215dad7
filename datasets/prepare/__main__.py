"""Converts a known data set to the layout of this project: `python -m datasets.prepare dsb2018 --source … --out …`."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from system.errors import ConfigError, run_script

# Name → module with a function `prepare(source, out, *, size)`. It is imported late, since OpenCV would slow --help.
DATASETS = {"dsb2018": "datasets.prepare.dsb2018"}


def parse_size(text: str) -> tuple[int, int]:
    """`96` or `96x128` → (height, width) in pixels.

    Raises:
        ConfigError: the text has another form, or a side is not in 1 to 9999.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,3})(?:x([1-9][0-9]{0,3}))?", text)
    if match is None:
        raise ConfigError(
            f"--size {text}: give one number for a square, or HEIGHTxWIDTH such as 96x128, each from 1 to 9999 pixels"
        )
    height, width = match.group(1), match.group(2) or match.group(1)
    return int(height), int(width)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to those of the process."""
    parser = argparse.ArgumentParser(prog="python -m datasets.prepare", description=__doc__)
    parser.add_argument("name", choices=sorted(DATASETS), help="the data set that the source is")
    parser.add_argument("--source", type=Path, required=True, help="the downloaded archive, or its unpacked folder")
    parser.add_argument("--out", type=Path, required=True, help="new folder, such as inputs/dsb2018")
    parser.add_argument(
        "--size", type=parse_size, metavar="S|HxW", help="resize everything to this size (default: native sizes)"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)
    prepare = importlib.import_module(DATASETS[options.name]).prepare
    print(prepare(options.source, options.out, size=options.size))


if __name__ == "__main__":
    sys.exit(run_script(main))
