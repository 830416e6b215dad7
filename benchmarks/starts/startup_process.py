"""One measurement of benchmarks.starts.startup or benchmarks.starts.first_result, in a process of its own.

The modules of the project come from the working directory. The last line of the output is the figures, in JSON.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import runpy
import sys
import time
from pathlib import Path

from benchmarks.speed.peak import peak_memory


class FirstStep(Exception):
    """The first step has been taken."""


def main() -> None:
    _, _, began, work, *words = sys.argv
    if work == "listing":
        figures = listing(Path(words[0]))
    else:
        figures = {"start": start, "predict": mask, "help": help_of}[work](float(began), *words)
    print(json.dumps(figures), flush=True)


def start(began: float, outputs: str, *words: str) -> dict[str, float]:
    """Starts train.py with these words of the command line and ends it after its first step."""
    import train
    from engine.training import Training

    step = Training.step

    def only_step(*arguments: object, **keywords: object) -> None:
        step(*arguments, **keywords)
        raise FirstStep(time.time() - began, peak_memory(), sum(map(_own_memory, multiprocessing.active_children())))

    Training.step, train.ROOT, sys.argv = only_step, Path(outputs), ["train.py", *words]
    try:
        train.main()
    except FirstStep as found:
        seconds, peak, children = found.args
        return {"seconds": seconds, "peak MiB": peak, "MiB of its workers": children}
    raise RuntimeError("the training ended before its first step")


def mask(began: float, *words: str) -> dict[str, float]:
    """Starts predict.py with these words of the command line and ends it when the files of one image are written."""
    import predict
    from inference.files.outputs import PredictionFolder

    write = PredictionFolder.write

    def only_write(*arguments: object, **keywords: object) -> None:
        write(*arguments, **keywords)
        print(json.dumps({"seconds": time.time() - began, "peak MiB": peak_memory()}), flush=True)
        os._exit(0)  # an error would end only the thread that writes

    PredictionFolder.write, sys.argv = only_write, ["predict.py", *words]
    predict.main()
    raise RuntimeError("the prediction ended before its first mask")


def help_of(began: float, script: str) -> dict[str, float]:
    """Shows the help of a script."""
    sys.argv = [script, "--help"]
    with contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    return {"seconds": time.time() - began, "peak MiB": peak_memory()}


def listing(root: Path) -> dict[str, float]:
    """Lists a data folder and computes its fingerprint, as each start does."""
    from datasets.fingerprint import fingerprint
    from datasets.folder.data_folder import list_folder
    from datasets.split import random_split
    from tasks.binary import Binary

    before, began = peak_memory(), time.perf_counter()
    folder = list_folder(root, Binary)
    listed = time.perf_counter()
    split = random_split([sample.id for sample in folder.samples], val_fraction=0.2, seed=0)
    divided = time.perf_counter()
    fingerprint(root, split, folder)
    ended = time.perf_counter()
    return {
        "list s": listed - began,
        "split s": divided - listed,
        "fingerprint s": ended - divided,
        "MiB": peak_memory() - before,
    }


def _own_memory(process: multiprocessing.Process) -> float:
    """Returns the memory in MiB that a process shares with no other, on Linux; else 0."""
    rollup = Path(f"/proc/{process.pid}/smaps_rollup")
    if not rollup.exists():
        return 0.0
    lines = rollup.read_text(encoding="ascii").splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


if __name__ == "__main__":
    main()
