"""Speed and memory against the plain path (benchmarks/plain.py) and against other libraries, as a table.

    python -m benchmarks.run all
    python -m benchmarks.run train --no-data --precision bf16
    python -m benchmarks.run prune --run outputs/<run>

What is compared takes turns in one process. A ratio is the median over the turns, with its quartiles. "Of convolution"
and "of copy" say how much of our time its convolutions, and its other memory traffic, would take at the limits that
this machine was measured to have. A row whose machine was disturbed says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from system.errors import run_script

WORKS = ("train", "infer", "loss", "data", "tile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", choices=(*WORKS, "prune", "all"), help="all: without prune")
    parser.add_argument("--device", choices=("cpu", "cuda", "mps"), default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32", help="of ours; plain is fp32")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=96, help="side in pixels, a multiple of 32 (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="turns of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=45, help="after which no more turns start (default: 45)")
    parser.add_argument("--data", type=Path, help="folder for train and data (default: the built-in set)")
    parser.add_argument("--no-data", action="store_true", help="train: on one batch that is there already")
    parser.add_argument("--compile", action="store_true", help="infer: through torch.compile too")
    parser.add_argument("--side", type=int, default=8192, help="tile: of the image, a multiple of 256 (default: 8192)")
    parser.add_argument("--run", type=Path, help="prune: run folder")
    parser.add_argument("--out", type=Path, help="write the table here too")
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
    """The table of one work, or of all: markdown below a line that says where it was measured."""
    import torch

    from benchmarks.data import data_rows
    from benchmarks.infer import infer_rows
    from benchmarks.limits import measure_limits
    from benchmarks.loss import loss_rows
    from benchmarks.prune import prune_table
    from benchmarks.settings import Settings
    from benchmarks.table import markdown
    from benchmarks.tile import tile_rows
    from benchmarks.train import train_rows
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
