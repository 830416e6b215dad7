"""Predicts and exports the images of one process on its cores, and shows how far this is."""

from __future__ import annotations

from collections.abc import Sequence

from engine.distributed import Ranks
from images.image_reader import ImageFile
from inference.files.prediction_exports import PredictionExports
from inference.pipeline.pipeline import Pipeline
from inference.pipeline.prediction_stages import PredictionStages
from inference.pipeline.shares import Share, own_cores
from system.machine.crowding import Courtesy
from system.progress_bar import progress_bar

Failures = dict[ImageFile, str]  # an image that could not be used, and why


def run_stages(stages: PredictionStages, share: Share, ranks: Ranks) -> Failures:
    """Predicts the images of this process that lack results."""
    missing = share.missing
    with progress_bar(title="predict", total=len(missing), keep=True, hidden=not ranks.is_first) as bar, Courtesy():
        threads = stages.threads(cores=own_cores(ranks), images=len(missing))
        pipeline = Pipeline(stages, threads, advance=bar.update)
        return {image: str(error) for image, error in pipeline.run(missing)}


def write_exports(exports: PredictionExports, images: Sequence[ImageFile], ranks: Ranks) -> Failures:
    """Writes the files of other tools that these images lack."""
    missing = exports.missing(images)
    if not missing:
        return {}
    with progress_bar(title="export", total=len(missing), keep=True, hidden=not ranks.is_first) as bar:
        failures = exports.write(missing, threads=own_cores(ranks), advance=bar.update)
    print(f"export  files of other tools for {len(missing) - len(failures)} images", flush=True)
    return {image: failures[image.id] for image in images if image.id in failures}
