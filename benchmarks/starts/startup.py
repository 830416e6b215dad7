"""Measures how long a training takes to its first step, and how much memory it needs until then.

    python -m benchmarks.starts.startup [--images 5000] [--size 256] [--rounds 3] [--other CHECKOUT] [key=value …]
    python -m benchmarks.starts.startup --listing 200000

The images are drawn. Each start is a process of its own: a first start; a second start, which is another run on the
same data; and a resume of the first run. All end after their first step. With `--other`, another checkout of this
project is measured by turns with this one. `--listing` measures the listing of many tiny images, and the fingerprint
of their files. The network is tiny, so that the start takes nearly all of the time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
STARTS = {"first start": ("a",), "second start": ("b",), "resume": ("a", "--resume")}
# `-c` and not `-m`: the process imports the modules of the folder that it runs in, which may be another checkout.
PROCESS = "import runpy, sys; runpy.run_path(sys.argv[1], run_name='__main__')"
TINY = (
    "task=binary",
    "model={name: UNet, filters: [4, 4]}",
    "loss={name: BCEDiceLoss}",
    "optimizer={name: AdamW, lr: 1e-3}",
    "scheduler={name: constant}",
    "train={epochs: 1, batch_size: 16, precision: fp32, device: cpu}",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000, help="how many are drawn (default: %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--channels", type=int, choices=(1, 3), default=3, help="of the images (default: %(default)s)")
    rounds_help = "starts of each kind, whose medians are shown; 0 only draws the images (default: %(default)s)"
    parser.add_argument("--rounds", type=int, default=3, help=rounds_help)
    parser.add_argument("--other", type=Path, help="another checkout, which takes turns with this one")
    parser.add_argument("--listing", type=int, metavar="IMAGES", help="measure the listing of so many tiny images")
    parser.add_argument("--folder", type=Path, help="keeps the images for other calls; default: a temporary one")
    parser.add_argument("changes", nargs="*", metavar="section.key=value", help="changes to the configuration")
    given = parser.parse_intermixed_args()
    checkouts = {ROOT.name: ROOT} | ({given.other.name: given.other.resolve()} if given.other else {})
    images, size, channels = (given.listing, 8, 1) if given.listing else (given.images, given.size, given.channels)
    with tempfile.TemporaryDirectory() as temporary:
        data = (given.folder or Path(temporary)) / f"{images}_{size}_{channels}"
        if not data.exists():
            write_images(data, images=images, size=size, channels=channels)
        if given.listing:
            works = {"listing": ("listing", data)}
        else:
            changes = (*TINY, f"data={{root: {data}, size: {size}}}", *given.changes)
            works = {name: ("start", temporary, *words, *changes) for name, words in STARTS.items()}
        if given.rounds:
            print(table(works, checkouts, rounds=given.rounds))


def write_images(root: Path, *, images: int, size: int, channels: int) -> None:
    """Writes a data folder of bright discs on noise, PNG files of [size, size, channels], and their masks."""
    rng = np.random.default_rng(0)
    noise = [cv2.GaussianBlur(rng.normal(60, 12, (size, size, 3)), (0, 0), 0.7) for _ in range(16)]
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for index in range(images):
        mask = np.zeros((size, size), np.uint8)
        for x, y, radius in rng.integers((0, 0, size // 32 + 1), (size, size, size // 12 + 2), (24, 3)).tolist():
            cv2.circle(mask, (x, y), radius, 255, -1)
        image = np.roll(noise[index % 16], rng.integers(0, size, 2).tolist(), (0, 1)) + mask[..., None] * (
            0.3,
            0.1,
            0.5,
        )
        image = np.clip(np.rint(image), 0, 255).astype(np.uint8)
        for folder, array in (("images", image if channels == 3 else image[..., 0]), ("masks", mask)):
            cv2.imwrite(str(root / folder / f"{index:06d}.png"), array)


def table(works: Mapping[str, Sequence], checkouts: Mapping[str, Path], *, rounds: int) -> str:
    """Measures all works by turns, and returns the medians as a table in Markdown."""
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number in range(rounds):
        for work, words in works.items():
            for name, checkout in checkouts.items():
                own = [f"name={name}_{number}_{word}" if word in ("a", "b") else word for word in words]
                found.setdefault((work, name), []).append(measured(checkout, own))
    keys = list(next(iter(found.values()))[0])
    lines = [["what", "checkout", *keys], ["---"] * (len(keys) + 2)]
    for (work, name), results in found.items():
        medians = (statistics.median(one[key] for one in results) if key in results[0] else None for key in keys)
        lines.append([work, name, *("–" if one is None else f"{one:,.{2 if one < 10 else 1}f}" for one in medians)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def measured(checkout: Path, words: Sequence[object]) -> dict[str, float]:
    """Runs one measurement in a process of its own and returns its figures."""
    return json.loads(process(checkout, words).stdout.splitlines()[-1])


def process(checkout: Path, words: Sequence[object], *options: str) -> subprocess.CompletedProcess:
    """Runs startup_process.py with the modules of a checkout, and with these options of Python itself."""
    script = Path(__file__).with_name("startup_process.py")
    command = [sys.executable, *options, "-c", PROCESS, str(script), repr(time.time()), *map(str, words)]
    done = subprocess.run(command, cwd=checkout, env=dict(os.environ), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


if __name__ == "__main__":
    main()
