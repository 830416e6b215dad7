"""Compares exported models with our own network: size of the file, differences, and time on the CPU in fp32.

    python -m benchmarks.prediction.export                  # UNet and UNet++ at half width, random, tiles of 256×256
    python -m benchmarks.prediction.export --run outputs/x  # a run, with its tile and masks of its validation images

Ours is the folded network of predict.py, from uint8 pixels to logits. The file gets the same pixels as float32, and
normalises them. Both take turns with the same number of threads. "others" is the share of the machine's cores that
other processes took meanwhile; above 8 % a row is not to be trusted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from models import MODELS
from system.errors import run_script
from system.machine.process import settle_process

HEAD = (
    "| network | format | MB | largest difference of a logit | pixels with another mask "
    "| ours, ms/Mpx | file, ms/Mpx | ours / file (quartiles) | others |"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="run folder (default: networks with random weights)")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS), help="without --run")
    parser.add_argument("--side", type=int, default=256, help="of a tile, without --run (default: %(default)s)")
    parser.add_argument("--pixels", type=int, default=2**18, help="of a batch of tiles (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60, help="no turn of a row starts after this time")
    parser.add_argument("--threads", type=int, help="default: those that torch takes")
    parser.add_argument("--images", type=int, help="with --run: compare the masks of so many images (default: all)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    table(parser.parse_args())


def table(given: argparse.Namespace) -> None:
    """Prints the table."""
    import torch

    from benchmarks.prediction.exported import opened, rows_of, untrained

    given.threads = given.threads or torch.get_num_threads()
    torch.set_num_threads(given.threads)
    if given.run:
        networks = {given.run.name: opened(given.run, given.images)}
    else:
        networks = {name: (untrained(name, given.side), []) for name in given.models}
    print(f"{given.threads} threads, fp32, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}")
    print(f"{HEAD}\n{'|---' * 9}|", flush=True)
    for name, (predictor, images) in networks.items():
        for row in rows_of(predictor, images, given):
            print(f"| {name} {row}", flush=True)


if __name__ == "__main__":
    settle_process()  # as predict.py does, before anything loads torch
    sys.exit(run_script(main))
