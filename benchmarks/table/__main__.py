"""Trains the rows of a table with several seeds and folds, scores them at image size, and prints Markdown.

    python -m benchmarks.table configs/tables/demo.yaml [--processes N] [--out FILE]

A run that is finished is not repeated, and one that was stopped goes on, so the same command continues a table. Each
run is a folder outputs/<table>_<row>_s<seed>_f<fold>, as train.py and val.py write it.
"""

from __future__ import annotations

import argparse
import datetime
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from functools import reduce
from operator import add
from pathlib import Path
from types import FrameType
from typing import NoReturn

from system.errors import Stopped, run_script

ROOT = Path(__file__).resolve().parent.parent.parent
TRAIN = [sys.executable, str(ROOT / "train.py")]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="YAML file, such as configs/tables/demo.yaml")
    processes_help = "trainings at once, such as one for each GPU (default: %(default)s)"
    parser.add_argument("--processes", type=int, default=1, metavar="N", help=processes_help)
    parser.add_argument("--out", type=Path, help="also write the Markdown to this file")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = parser.parse_args()
    if options.processes < 1:
        parser.error("--processes must be at least 1")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    text = table_of(options.table, processes=options.processes)
    print(text, end="")
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise Stopped(number, f"stopped by {signal.Signals(number).name}; the same command continues the table")


def table_of(path: Path, *, processes: int = 1, root: Path | None = None, command: Sequence[str] = TRAIN) -> str:
    """Trains what is left of a table, scores it and returns its Markdown.

    Args:
        root: the folder with outputs/, which paths in configurations are relative to.
        command: what starts train.py.
    """
    from benchmarks.table.pages import page_of
    from benchmarks.table.plan import all_runs, read_table, runs_of
    from benchmarks.table.results import Images
    from benchmarks.table.running import train_all
    from benchmarks.table.scoring import environment_of, grouping_of, minutes_of, scored_images

    root = ROOT if root is None else root
    table, outputs = read_table(path), root / "outputs"
    train_all(list(all_runs(table, name=path.stem, root=root)), outputs, command=command, processes=processes)
    rows, minutes, environments = {}, {}, set()
    for row in table.rows:
        of_seeds = runs_of(table, row, name=path.stem, root=root)
        folders = [[outputs / run.name for run in runs] for runs in of_seeds.values()]
        images = [reduce(add, (scored_images(run, table.part, anew=True) for run in runs)) for runs in folders]
        grouping = grouping_of(folders[0][0], root)
        rows[row.label] = Images(images, dict(grouping.groups), dict(grouping.kinds))
        flat = [run for runs in folders for run in runs]
        minutes[row.label] = sum(map(minutes_of, flat)) / len(flat)
        environments |= {environment_of(run, table.part) for run in flat}
    folds = "" if table.folds is None else f", folds {table.fold or list(range(table.folds))} of {table.folds}"
    notes = [
        f"`python -m benchmarks.table {shlex.quote(str(path))}`, seeds {table.seeds}{folds}, scored on the part "
        f"`{table.part}`; {commit()}{datetime.date.today().isoformat()}; {'; '.join(sorted(environments))}."
    ]
    return page_of(rows, table.columns, minutes=minutes, notes=notes)


def commit() -> str:
    """Returns the commit of this project for a sentence; nothing where there is no git."""
    try:
        found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return f"commit {found.stdout.strip()}, " if found.returncode == 0 else ""


if __name__ == "__main__":
    sys.exit(run_script(main))
