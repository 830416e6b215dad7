"""Converts data sets and the layouts of other programs to the layout of this project: `python -m datasets.prepare`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from system.errors import run_script
from system.signals import StopSignals

# Name → (module with `add_options(parser)` and `run(options)`, one line of help). Only the module of the named importer
# is imported, since OpenCV would slow --help.
IMPORTERS = {
    "dsb2018": ("datasets.prepare.dsb2018", "the 2018 Data Science Bowl, stage1_train.zip: one mask file per nucleus"),
    "stardist": ("datasets.prepare.stardist", "StarDist's layout: train/images, train/masks, test/images, test/masks"),
    "cellpose": ("datasets.prepare.cellpose", "Cellpose's layout: <stem>_img.png and <stem>_masks.png, or *_cp_masks"),
    "labels": ("datasets.prepare.labels", "any folder of images and folder of label maps of the same names"),
    "coco": ("datasets.prepare.coco.prepare", "COCO's annotations: a JSON file with polygons or RLE, and its images"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to those of the process."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m datasets.prepare", description=__doc__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="IMPORTER")
    for name, (module, text) in IMPORTERS.items():
        command = commands.add_parser(name, help=text, description=text)
        if name in arguments:
            importlib.import_module(module).add_options(command)
    options = parser.parse_args(arguments)
    with StopSignals():  # SIGTERM ends the import as Ctrl-C does, so that no half of a data folder is left
        summary = importlib.import_module(IMPORTERS[options.name][0]).run(options)
    print(summary)


if __name__ == "__main__":
    sys.exit(run_script(main))
