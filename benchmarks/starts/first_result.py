"""Measures how long a small run takes to its first result, from the start of Python, and what takes that time.

    python -m benchmarks.starts.first_result [--images 50] [--size 256] [--rounds 5] [--other CHECKOUT]

The images are drawn, and the configuration is `data.root` alone. The first table has the medians of train.py until its
first step is taken, of predict.py until the files of its first image are written, and of `--help`. With `--other`,
another checkout of this project is measured by turns with this one. The second table says for this checkout what the
time is spent on: the seconds that Python takes to import the modules of each package without those that they import in
turn (`-X importtime`, which itself costs a little), and everything else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import train
from benchmarks.starts.startup import ROOT, process, table
from datasets.prepare.synthetic import write_synthetic

LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")
LEAST = 0.02  # seconds; a package that takes less has no line of its own
OWN = {path.stem for path in ROOT.iterdir() if path.is_dir() or path.suffix == ".py"}
STANDARD, OURS, OTHERS, REST = "Python's own modules", "this project", "other packages", "all but imports"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50, help="how many are drawn (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind; the medians are shown (default: 5)")
    parser.add_argument("--other", type=Path, help="another checkout, which takes turns with this one")
    given = parser.parse_args()
    checkouts = {ROOT.name: ROOT} | ({given.other.name: given.other.resolve()} if given.other else {})
    with tempfile.TemporaryDirectory() as folder:
        works = prepared(Path(folder), images=given.images, size=given.size)
        print(table(works, checkouts, rounds=given.rounds), end="\n\n")
        two = list(works.items())[:2]
        print(costs_table({name: costs(process(ROOT, words, "-X", "importtime")) for name, words in two}))


def prepared(folder: Path, *, images: int, size: int) -> dict[str, tuple]:
    """Draws a set and trains a run for one epoch; returns the words of each measurement."""
    data, run = folder / "data", folder / "outputs" / "run"
    write_synthetic(data, images=images, size=size)
    words = (f"data.root={data}", "train.device=cpu", "train.workers=0")
    train.ROOT, sys.argv = folder, ["train.py", *words, "name=run", "train.epochs=1"]
    train.main()
    return {
        "train.py, first step": ("start", folder, *words, "name=first", "--fresh"),
        "predict.py, first mask": ("predict", "--run", run, "--input", data / "images", "--out", folder / "out"),
        "train.py --help": ("help", "train.py"),
        "predict.py --help": ("help", "predict.py"),
    }


def costs(done: object) -> dict[str, float]:
    """Returns what a process that ran with `-X importtime` spent its time on → seconds, the largest first."""
    seconds, standard = Counter(), sys.stdlib_module_names
    for microseconds, module in LINE.findall(done.stderr):
        name = module.partition(".")[0]
        name = STANDARD if name in standard else OURS if name in OWN else name
        seconds[name] += int(microseconds) / 1e6
    large = {name: value for name, value in seconds.most_common() if value >= LEAST or name in (STANDARD, OURS)}
    total = json.loads(done.stdout.splitlines()[-1])["seconds"]
    imports = sum(seconds.values())
    return large | {OTHERS: imports - sum(large.values()), REST: total - imports}


def costs_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the costs of several processes as a table in Markdown."""
    rows = list(dict.fromkeys(name for costs in found.values() for name in costs))
    rows = [name for name in rows if name not in (OTHERS, REST)] + [OTHERS, REST]
    lines = [["seconds of", *found], ["---"] * (len(found) + 1)]
    lines += [[name, *(f"{costs[name]:.2f}" if name in costs else "–" for costs in found.values())] for name in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
