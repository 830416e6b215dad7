"""Writes the network of a run as files for other programs, with a model card: `python -m inference.export`.

python -m inference.export --run outputs/demo --out outputs/model --format onnx torch
python -m inference.export --run outputs/demo --out outputs/model --format bioimageio --author "A. Name" --licence MIT
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inference.export.formats import FORMATS, HELP, require_packages
from system.errors import ConfigError, ReportedError, run_script
from system.machine.process import settle_process

if TYPE_CHECKING:
    from saved_run import SavedRun

ROOT = Path(__file__).resolve().parents[2]  # paths in a configuration are relative to it


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to those of the process."""
    parser = argparse.ArgumentParser(
        prog="python -m inference.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder, such as outputs/demo")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the files and MODEL.md")
    parser.add_argument("--format", nargs="+", choices=FORMATS, required=True, metavar="FORMAT", help=HELP)
    depth_help = "prune a UNet++ with deep supervision to this many levels, which is faster"
    parser.add_argument("--depth", type=int, metavar="1-4", help=depth_help)
    author_help = "who made the model, for the model card; in quotes"
    parser.add_argument("--author", nargs="+", default=[], metavar="NAME", help=author_help)
    licence_help = "of the model, as an SPDX identifier, such as MIT (default: that of the data, from its dataset.yaml)"
    parser.add_argument("--licence", metavar="ID", help=licence_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args(arguments)
    require_packages(given.format)
    if given.out.exists() and (not given.out.is_dir() or any(given.out.iterdir())):
        raise ConfigError(f"{given.out} exists already, and nothing is overwritten: delete it, or choose another --out")
    export(given.run, given.out, given.format, depth=given.depth, authors=given.author, licence=given.licence)


def export(
    run: Path,
    out: Path,
    formats: Sequence[str],
    *,
    depth: int | None = None,
    authors: Sequence[str] = (),
    licence: str | None = None,
) -> None:
    """Writes the model of a run into the new folder `out`, and compares each file with the run.

    Raises:
        CheckpointError: there is no such run, or it cannot be used.
        ConfigError: the network does not have this depth; a licence that BioImage.IO does not know.
        DataError: a file computes something else than the run, or a package does not pass its test.
    """
    import torch

    from assemble.model_facts import model_facts
    from inference.export.exporting import export_model
    from saved_run import open_run
    from system.progress_bar import progress_bar

    saved = open_run(run, device="cpu", precision="fp32", depth=depth)
    facts = model_facts(saved, ROOT, authors=authors, licence=licence, depth=depth)
    print(f"run     {run}, {saved.folder.weights.name} of epoch {saved.predictor.epoch}, on {saved.predictor.runtime}")
    images = images_of(saved)
    with progress_bar(title="compare", total=len(images), keep=True) as bar:
        sentences = export_model(
            saved.predictor,
            facts,
            out,
            formats,
            images=images,
            threads=torch.get_num_threads(),
            advance=bar.update,
        )
    for sentence in sentences:
        print(f"model   {sentence}")
    if facts.credits.licence is None:
        print("licence none is known, so that others may not use the model: --licence names one, such as MIT")
    for path in sorted(out.iterdir()):
        print(f"wrote   {path}, {path.stat().st_size / 1e6:.2f} MB")


def images_of(saved: SavedRun) -> list[Path]:
    """Returns the files of the validation images; none, with a printed line, if the data cannot be used any more."""
    from assemble import own_data

    try:
        return [sample.image for sample in own_data(saved, "val", ROOT)[0].samples]
    except ReportedError as error:
        print(f"images  are not compared: {error}")
        return []


if __name__ == "__main__":
    settle_process()  # before anything loads torch
    sys.exit(run_script(main))
