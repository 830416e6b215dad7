"""Measures predict.py: its threads against a plain loop over the images, and where the time of the loop goes.

    python -m datasets.prepare.synthetic --out inputs/drawn256 --images 40 --size 256
    python train.py --config configs/demo.yaml name=speed_distance task=distance \
        'data={root: inputs/drawn256, crop: 256}' 'model={name: UNet, filters: [16, 32, 64, 128, 256]}' \
        train.epochs=6 train.batch_size=4
    python -m benchmarks.prediction.predict --run outputs/speed_distance [--small 500] [--large 20] [--rounds 3]

The images are drawn, so that they have nuclei at their true density. Loop and pipeline take turns and write to new
folders. Their files are compared after each turn.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.measure import Load
from datasets.prepare.drawing import make_sample
from images.image_reader import ImageFile
from images.pixel_size import pixel_size_of
from images.reading import read_image
from images.writing import encode_png
from inference.files.outputs import PredictionFolder
from inference.image_predictor import ImagePredictor
from inference.measurements.measuring import MeasuredImage
from inference.pipeline.pipeline import Pipeline
from inference.pipeline.prediction_stages import PredictionStages
from inference.pipeline.stages import Threads
from saved_run import load_run
from system.machine.cores import usable_cores

STAGES = ("read", "network", "decode", "write")
DRAWN = 512  # pixels: a larger image repeats a drawn one of this side


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, nargs="+", required=True, help="run folders, which are measured in turn")
    parser.add_argument("--small", type=int, default=500, help="number of images of 256×256")
    parser.add_argument("--large", type=int, default=20, help="number of images of 2048×2048")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="*", help="numbers of workers; by default that of predict.py")
    arguments = parser.parse_args()
    print("| run | images | way | images per second | against the loop |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as temporary:
        for count, side in ((arguments.small, 256), (arguments.large, 2048)):
            paths = draw(Path(temporary) / f"{side}", count, side)
            for run in arguments.run if paths else ():
                measure(run, paths, side, rounds=arguments.rounds, workers=arguments.workers)


def draw(folder: Path, count: int, side: int) -> list[Path]:
    """Writes so many drawn images as PNG, and returns their paths."""
    folder.mkdir()
    paths = [folder / f"{number:03d}.png" for number in range(count)]
    for number, path in enumerate(paths):
        piece = make_sample(5, number, size=min(side, DRAWN)).image
        path.write_bytes(encode_png(np.tile(piece, (side // len(piece), side // len(piece), 1))))
    return paths


def measure(run: Path, paths: list[Path], side: int, *, rounds: int, workers: list[int] | None) -> None:
    """Prints a row for each way, and the share of each stage of the loop."""
    predictor = load_run(run)
    usual = threads_of(predictor, None, images=len(paths))
    ways = {"loop": None} | {f"pipeline, {n} workers": n for n in workers or [usual.workers]}
    seconds, stages, differing, load = defaultdict(list), defaultdict(list), 0, Load()
    for _ in range(rounds):
        folders = {}
        for way, number in ways.items():
            out = paths[0].parents[1] / way
            folders[way] = folder = PredictionFolder(out, predictor.task, cells=predictor.decoding is not None)
            started = time.perf_counter()
            spent = predict_in_one_way(predictor, folder, paths, workers=number)
            seconds[way].append(time.perf_counter() - started)
            for stage, one in spent.items():
                stages[stage].append(one)
        differing += sum(differing_files(folders["loop"].path, folder.path) for folder in folders.values())
        for folder in folders.values():
            shutil.rmtree(folder.path)
    loop = statistics.median(seconds["loop"])
    for way, spent in seconds.items():
        one = statistics.median(spent)
        print(f"| {run.name} | {len(paths)} of {side}×{side} | {way} | {len(paths) / one:.2f} | {loop / one:.2f} |")
    shares = ", ".join(f"{stage} {statistics.median(spent) / loop:.1%}" for stage, spent in stages.items())
    others = f"other processes took {load.of_others() or 0:.0%} of the cores"
    print(f"in the loop: {shares}; {predictor.members[0].runtime}; {others}; {differing} files differ", flush=True)


def predict_in_one_way(
    predictor: ImagePredictor, folder: PredictionFolder, paths: list[Path], *, workers: int | None
) -> dict[str, float]:
    """Predicts all images by a pipeline of so many workers, or by the loop (None), whose seconds it returns."""
    if workers is None:
        return plain_loop(predictor, folder, paths)
    threads = threads_of(predictor, workers, images=len(paths))
    images = [ImageFile(path.stem, path) for path in paths]
    assert Pipeline(PredictionStages(predictor, folder, threshold=0.5), threads).run(images) == []
    return {}


def threads_of(predictor: ImagePredictor, workers: int | None, *, images: int) -> Threads:
    """Returns the threads of predict.py, with another number of workers if one is given."""
    usual = PredictionStages(predictor, None, threshold=None).threads(cores=usable_cores(), images=images)
    return usual if workers is None else replace(usual, workers=workers)


def plain_loop(predictor: ImagePredictor, folder: PredictionFolder, paths: list[Path]) -> dict[str, float]:
    """Predicts one image after the other, with all threads of torch, and returns the seconds of each stage."""
    spent = dict.fromkeys(STAGES, 0.0)
    for path in paths:
        marks = [time.perf_counter()]
        image = read_image(path)
        marks.append(time.perf_counter())
        computed = predictor.computed(image, threshold=0.5)
        marks.append(time.perf_counter())
        prediction = predictor.decoded(computed)
        marks.append(time.perf_counter())
        measured = None if folder.cells is None else MeasuredImage.of_array(image, *pixel_size_of(path, given=None))
        folder.write(path.stem, predictor.reader.convert(image), prediction, measured=measured)
        marks.append(time.perf_counter())
        for stage, began, ended in zip(STAGES, marks[:-1], marks[1:], strict=True):
            spent[stage] += ended - began
    return spent


def differing_files(one: Path, other: Path) -> int:
    """Counts the files that only one of two folders has, or that differ."""
    found = [{path.relative_to(root): path.read_bytes() for path in root.rglob("*.*")} for root in (one, other)]
    return sum(found[0].get(name) != found[1].get(name) for name in found[0].keys() | found[1].keys())


if __name__ == "__main__":
    main()
