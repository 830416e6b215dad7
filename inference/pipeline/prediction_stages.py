"""The steps of predicting one image file: read it, compute its maps, decode its cells and write its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from images.image_reader import ImageFile
from images.pixel_size import PixelSize, pixel_size_of
from images.regions import size_of_regions
from inference.files.outputs import PredictionFolder
from inference.image_predictor import ImagePredictor
from inference.measurements.measuring import MeasuredImage
from inference.pipeline.large import predict_large
from inference.pipeline.stages import Stages, Threads
from inference.prediction import Computed, Inputs, Prediction
from inference.tiling import PIXELS_PER_BATCH
from inference.warnings.comparing import Comparison, of_array

# One thread computes a batch on a CPU. Measured for a UNet of half width: at 96×96, three images in a batch take 10 %
# less time than one by one, and at 256×256, batches take more time.
PIXELS_PER_BATCH_IN_A_THREAD = 2**15
ROUNDS = 2  # images for each worker at least; with fewer, most workers would wait for the last image


@dataclass(frozen=True)
class ImageItem:
    """One image that was read, or a large file that is read by its rows later.

    Attributes:
        image: [H, W, channels] as the file holds it; None if it is read later.
        size: (H, W).
        inputs: see `ImagePredictor.inputs_of`.
    """

    file: ImageFile
    image: np.ndarray | None
    size: tuple[int, int]
    inputs: Inputs | None = None


class PredictionStages(Stages[ImageFile, ImageItem, Computed]):
    """Predicts image files with `predictor` and writes to `folder`, as `predictor.predict` and `folder.write` do.

    Args:
        threshold: see `ImagePredictor.__call__`.
        pixel_size: µm per pixel, which wins against that of the files.
        comparison: with the training images; None compares nothing.
    """

    def __init__(
        self,
        predictor: ImagePredictor,
        folder: PredictionFolder,
        *,
        threshold: float | None,
        pixel_size: float | None = None,
        comparison: Comparison | None = None,
    ) -> None:
        self.predictor, self.folder, self.threshold = predictor, folder, threshold
        self.pixel_size, self.comparison = pixel_size, comparison
        self.on_cpu = all(member.runtime.device.type == "cpu" for member in predictor.members)
        for member in predictor.members:
            assert member.folded is not None  # it is made here, before threads share it
        torch.set_num_threads(torch.get_num_threads())  # those of the main thread stay; see `start_thread`

    def threads(self, *, cores: int, images: int) -> Threads:
        """Returns who does what on so many cores.

        On a CPU each worker computes, decodes and writes whole images with one thread of its own. This is faster than a
        network on all cores, whose threads wait for each other and, beside other work, wait long. Only if there are too
        few images to keep all workers busy, the network uses all cores for one image after the other.
        """
        if self.on_cpu and images >= ROUNDS * cores:
            return Threads(readers=max(1, cores // 4), workers=cores, compute=True)
        return Threads(readers=max(1, cores // 4), workers=max(1, cores - 1), compute=False)

    def start_thread(self) -> None:
        torch.set_num_threads(1)  # only for this thread, and for threads that have not used torch yet

    def read(self, file: ImageFile) -> ImageItem:
        if size := size_of_regions(file, self.predictor.reader):
            return ImageItem(file, None, size)
        image = self.predictor.reader.open(file)
        return ImageItem(file, image, image.shape[:2], self.predictor.inputs_of(image))

    def pixels(self, item: ImageItem) -> int:
        return item.size[0] * item.size[1]

    def batch_of(self, item: ImageItem) -> tuple[object, int] | None:
        if item.inputs is None:
            return None
        shapes = tuple(tuple(planes.shape) for planes in item.inputs)
        most = PIXELS_PER_BATCH_IN_A_THREAD if self.on_cpu else PIXELS_PER_BATCH
        return shapes, max(1, most // max(height * width for _, height, width in shapes))

    def compute(self, items: Sequence[ImageItem]) -> list[Computed]:
        if items[0].inputs is None:
            return [self.predictor.computed(item.image, threshold=self.threshold) for item in items]
        inputs, sizes = [item.inputs for item in items], [item.size for item in items]
        return self.predictor.computed_together(inputs, sizes, threshold=self.threshold)

    def write(self, item: ImageItem, computed: Computed) -> None:
        image, prediction = self.predictor.reader.convert(item.image), self.predictor.decoded(computed)
        size, warning = pixel_size_of(item.file.path, given=self.pixel_size)
        measured = None
        if self.folder.cells is not None:
            measured = MeasuredImage.of_array(item.image, size, warning)
        warnings = self.warnings(item.image, image, prediction, size)
        self.folder.write(item.file.id, image, prediction, measured=measured, warnings=warnings)

    def warnings(
        self, stored: np.ndarray, image: np.ndarray, prediction: Prediction, size: PixelSize | None
    ) -> list[str]:
        """Returns how an image differs from those of the training; see `Comparison.warnings`."""
        if self.comparison is None:
            return []
        areas = None if prediction.objects is None else np.bincount(prediction.objects.labels.ravel())[1:]
        masks = prediction.masks[self.predictor.task.drawn]
        return self.comparison.warnings(of_array(stored), of_array(image), masks, areas=areas, pixel_size=size)

    def handle_alone(self, item: ImageItem) -> None:
        image = item.file if item.image is None else item.image
        size = pixel_size_of(item.file.path, given=self.pixel_size)
        predict_large(
            self.predictor,
            image,
            self.folder,
            item.file.id,
            shape=item.size,
            threshold=self.threshold,
            pixel_size=size,
            comparison=self.comparison,
        )
