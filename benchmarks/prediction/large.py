"""Decodes the maps of a large synthetic image in blocks: memory, time, and the difference from decoding it at once.

    python -m benchmarks.prediction.large [--side 4096] [--methods distance border] [--folder .]

The maps are those of drawn nuclei, as a network without errors would give them, in a file of 8 bits. The memory is the
peak of the anonymous memory of the process (Linux), minus that before decoding. One thread computes; where other
programs run too, the time of the processor is less disturbed. Up to a side of
4096 pixels, the image is also decoded at once, and the pixels are counted that differ.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from benchmarks.scores.decode import SECOND
from datasets.prepare.drawing import make_sample
from inference.cells.blocks import Tally, decode_blocks
from inference.cells.decoding import METHODS, decode, decoding_by
from system.scratch import array_in_file

PIECE, PIECES = 500, 16  # pixels, no divisor of a block, so that seams lie anywhere in a piece; different pieces
AT_ONCE = 4096  # the largest side that is decoded at once, too
STATUS = Path("/proc/self/status")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=4096, help="side of the image in pixels")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--folder", type=Path, help="holds the files meanwhile, 10 bytes per pixel; default: temporary")
    arguments = parser.parse_args()
    print(f"{arguments.side}×{arguments.side} pixels\n")
    print("| decoder | cells | ms per megapixel | of the processor | peak in MB | cells at once | pixels that differ |")
    print("|---|---|---|---|---|---|---|")
    for method in arguments.methods:
        # A process of its own: memory that an earlier decoder gave back would hide what this one needs.
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, get_context("spawn").Pool(1) as process:
            print(process.apply(measured, (method, arguments.side, Path(folder))), flush=True)


def measured(method: str, side: int, folder: Path) -> str:
    """Returns one row of the table."""
    cv2.setNumThreads(1)
    how, shape = decoding_by(method), (side, side)
    with (
        array_in_file(folder / "maps", np.uint8, (2, *shape)) as maps,
        array_in_file(folder / "labels", np.uint32, shape) as labels,
    ):
        write_maps(maps, method)
        decode(np.zeros((2, 8, 8), np.float32), how)  # imports what it needs
        with peak_of_anonymous_memory() as peak:
            started, busy = time.perf_counter(), time.process_time()
            tally = decode_blocks(maps, how, labels, scratch=folder)
            seconds, busy = time.perf_counter() - started, time.process_time() - busy
        figures = compared(maps, method, labels, tally) if side <= AT_ONCE else "– | –"
    times = " | ".join(f"{value / side**2 * 1e9:.0f}" for value in (seconds, busy))
    return f"| {method} | {len(tally.areas):,} | {times} | {peak[0] / 1e6:.0f} | {figures} |"


def compared(maps: np.ndarray, method: str, labels: np.ndarray, tally: Tally) -> str:
    """Returns the number of cells that the whole image at once has, and the number of pixels that differ."""
    whole = decode(maps / np.float32(255), decoding_by(method))
    if len(whole.confidences) != len(tally.areas):
        return f"{len(whole.confidences):,} | other objects"
    different = int((whole.labels != labels).sum())
    return f"{len(whole.confidences):,} | {different}"


def write_maps(maps: np.ndarray, method: str) -> None:
    """Fills [2, H, W] uint8 with the maps of drawn nuclei, piece by piece."""
    pieces = []
    for index in range(PIECES):
        labels = make_sample(0, index, size=PIECE).labels
        pieces.append(np.rint(np.stack([labels > 0, SECOND[method](labels)]) * 255).astype(np.uint8))
    order = np.random.default_rng(0)
    for top in range(0, maps.shape[1], PIECE):
        for left in range(0, maps.shape[2], PIECE):
            place = maps[:, top : top + PIECE, left : left + PIECE]
            place[:] = pieces[order.integers(PIECES)][:, : place.shape[1], : place.shape[2]]


@contextmanager
def peak_of_anonymous_memory() -> Iterator[list[int]]:
    """Yields a list whose only entry becomes the peak of RssAnon in bytes above its value at the start."""
    before, peak, done = anonymous_memory(), [0], threading.Event()

    def sample() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous_memory() - before)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def anonymous_memory() -> int:
    """Returns the bytes of memory of this process that no file backs."""
    (line,) = [line for line in STATUS.read_text(encoding="ascii").splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
