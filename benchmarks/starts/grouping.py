"""Measures what a grouped split costs at the start of a training: all files are decoded with it and without, by turns.

python -m benchmarks.starts.grouping inputs/dsb2018 [--rounds 3]
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from benchmarks.measure import take_turns
from datasets.survey import load_training_data
from tasks.binary import Binary


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.starts.grouping", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="data folder with masks of one class")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: %(default)s)")
    given = parser.parse_args()
    start = partial(
        load_training_data, given.folder, Binary, size=(96, 96), normalise="dataset", val_fraction=0.2, split_seed=41
    )
    starts = {kind: partial(start, split=kind, intensity="image") for kind in ("random", "grouped")}
    timing = take_turns(starts, rounds=given.rounds, seconds=float("inf"))
    for kind in starts:
        print(f"{kind}: {timing.median(kind):.2f} s")
    print(f"ratio: {timing.ratio('grouped', 'random')[0]:.2f}")
    if warning := timing.warning("grouped", "random"):
        print(f"disturbed: {warning}")


if __name__ == "__main__":
    main()
