"""Writes report.html, one file that opens in any browser, into a run folder or a folder of predictions.

python -m report outputs/demo
python -m report outputs/new
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from system.errors import ConfigError, ReportedError, run_script

if TYPE_CHECKING:
    from inference.files.score_report import ScoredSamples

ROOT = Path(__file__).resolve().parents[1]  # paths in a configuration are relative to it
PREDICTION = "prediction.yaml"  # predict.py writes it into each of its folders


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; `arguments` defaults to that of the process.

    Raises:
        ConfigError: the folder is neither a run nor a folder of predictions.
        DataError: the run has no scores.
    """
    parser = argparse.ArgumentParser(
        prog="python -m report",
        description="Writes report.html, one file that opens in any browser, into a run folder that val.py has scored, "
        "or into the output folder of predict.py.",
    )
    parser.add_argument("folder", type=Path, help="run folder or folder of predictions, such as outputs/demo")
    split_help = "the part of a run's data that val.py has scored (default: %(default)s)"
    parser.add_argument("--split", choices=("val", "train", "test", "all"), default="val", help=split_help)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args(arguments)
    if (options.folder / "config.yaml").is_file():
        from report.run_page import page_path, write_run_page

        results = options.folder / options.split
        samples = samples_of(options.folder, options.split) if (results / "summary.json").is_file() else None
        path = page_path(options.folder, options.split)
        size = write_run_page(options.folder, samples, part=options.split)
    elif (options.folder / PREDICTION).is_file():
        from report.prediction_page import write_prediction_page

        path, size = options.folder / "report.html", write_prediction_page(options.folder)
    else:
        raise ConfigError(
            f"{options.folder}: neither a run folder, which has config.yaml, nor a folder of predict.py, which has "
            f"{PREDICTION}; give one of them, such as outputs/demo"
        )
    print(f"wrote   {path}, {size / 1e6:.1f} MB")


def samples_of(run: Path, part: str) -> ScoredSamples | None:
    """Opens the data that the run was scored on; None, with a printed line, if it cannot be used any more."""
    from assemble import own_data
    from saved_run import open_run

    try:
        return own_data(open_run(run), part, ROOT)[0]
    except ReportedError as error:
        print(f"images  are left out of the page: {error}")
        return None


if __name__ == "__main__":
    sys.exit(run_script(main))
