"""Writes the cells of label maps as files of other tools: `python -m inference.other_tools`.

python -m inference.other_tools outputs/new/labels --format roi geojson --out outputs/tools
python -m inference.other_tools masks --images photos --format coco --out outputs/tools --class-name nucleus
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from inference.other_tools.formats import FORMATS, HELP, require_packages
from system.command_line import output_folder
from system.errors import DataError, run_script
from system.signals import StopSignals


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to those of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.other_tools",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("labels", type=Path, nargs="+", help="label maps (TIFF or PNG), and folders of them")
    parser.add_argument("--format", nargs="+", choices=FORMATS, required=True, metavar="FORMAT", help=HELP)
    out_help = "folder of the results; a rerun writes what is missing or older than its label map"
    parser.add_argument("--out", type=output_folder, required=True, help=out_help)
    images_help = "folder of the images, whose files coco names (default: it names the label maps)"
    parser.add_argument("--images", type=Path, help=images_help)
    class_help = "what the cells are, for coco and geojson (default: %(default)s)"
    parser.add_argument("--class-name", default="cell", help=class_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args(arguments)
    require_packages(given.format)
    with StopSignals():
        export(given.labels, given.out, given.format, images=given.images, class_name=given.class_name)


def export(labels: Sequence[Path], out: Path, formats: Sequence[str], *, images: Path | None, class_name: str) -> None:
    """Writes the files of these formats for all label maps.

    Args:
        labels, images: see `inference.other_tools.inputs.find_label_files`.

    Raises:
        ConfigError: see there.
        DataError: some label maps cannot be used. The files of all others are written.
    """
    from inference.other_tools.exporting import Exports
    from inference.other_tools.inputs import find_label_files
    from system.machine.cores import usable_cores
    from system.progress_bar import progress_bar

    files = find_label_files(labels, images)
    exports = Exports(out, formats, class_name=class_name)
    missing = exports.missing(files)
    with progress_bar(title="export", total=len(missing), keep=True) as bar:
        failures = exports.write(missing, threads=usable_cores(), advance=bar.update)
    exports.write_whole([file for file in files if file.name not in failures])
    print(f"wrote   {', '.join(formats)} of {len(files) - len(failures)} label maps to {out}")
    if failures:
        raise DataError("\n  ".join([f"{len(failures)} label maps could not be used:", *failures.values()]))


if __name__ == "__main__":
    sys.exit(run_script(main))
