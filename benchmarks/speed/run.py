"""Measures speed and memory against the plain path (benchmarks/plain.py) and other libraries, and prints a table.

    python -m benchmarks.speed.run all
    python -m benchmarks.speed.run train --no-data --precision bf16
    python -m benchmarks.speed.run prune --run outputs/<run>

The things that are compared take turns in one process. A ratio is the median over the turns, with its quartiles. "Of
convolution" and "of copy" say which share of our time the convolutions, and the other memory traffic, would take at the
measured limits of this machine. If the machine was disturbed during a row, the row says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from system.errors import run_script

WORKS = ("train", "infer", "loss", "data", "tile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=(*WORKS, "prune", "all"), help="all: everything but prune")
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    precision_help = "our precision; the plain path is in fp32"
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help=precision_help)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="side in pixels, a multiple of 32 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=45, help="no turn starts after this time (default: 45)")
    parser.add_argument("--data", type=Path, help="data folder for train and data (default: the built-in set)")
    parser.add_argument("--no-data", action="store_true", help="train: always use the same batch, already in memory")
    parser.add_argument("--compile", action="store_true", help="infer: measure the compiled network too")
    side_help = "tile: side of the image, a multiple of 256 (default: 8192)"
    parser.add_argument("--side", type=int, default=8192, help=side_help)
    parser.add_argument("--run", type=Path, help="prune: run folder")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options = vars(parser.parse_args())
    work, out, _ = options.pop("work"), options.pop("out"), options.pop("debug")
    if options["size"] % 32 or options["side"] % 256 or options["rounds"] < 1:
        parser.error("--size must be a multiple of 32, --side of 256, and --rounds at least 1")
    text = benchmark(work, options)
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


def benchmark(work: str, options: dict) -> str:
    """Returns the table of one work or of all, in Markdown, below a line that says where it was measured."""
    import torch

    from benchmarks.speed.data import data_rows
    from benchmarks.speed.infer import infer_rows
    from benchmarks.speed.limits import measure_limits
    from benchmarks.speed.loss import loss_rows
    from benchmarks.speed.prune import prune_table
    from benchmarks.speed.rows import markdown
    from benchmarks.speed.settings import Settings
    from benchmarks.speed.tile import tile_rows
    from benchmarks.speed.train import train_rows
    from engine.device import choose_runtime

    settings = Settings(**options)
    runtime = choose_runtime(settings.device, settings.precision)
    if work == "prune":
        return prune_table(settings)
    limits = measure_limits(settings.device, settings.precision)
    measures = {"train": train_rows, "infer": infer_rows, "loss": loss_rows, "data": data_rows, "tile": tile_rows}
    rows = []
    for name in WORKS if work == "all" else (work,):
        print(f"{name} …", file=sys.stderr, flush=True)
        rows += measures[name](settings, limits)
    return f"{runtime}, torch {torch.__version__}; limits: {limits}\n\n{markdown(rows)}"


if __name__ == "__main__":
    sys.exit(run_script(main))
