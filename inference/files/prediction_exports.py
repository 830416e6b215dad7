"""The files of other tools beside the other results of a prediction, from its label maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from images.image_reader import ImageFile
from inference.files.outputs import PredictionFolder
from inference.other_tools.exporting import Exports, LabelFile
from system.errors import ConfigError, DataError
from tasks import tasks_with_cells


class PredictionExports:
    """Writes files of other tools to the folder of a prediction.

    Args:
        folder: the results.
        formats: keys of `inference.other_tools.formats.FORMATS`, which may be none.
        class_name: what the cells are.

    Raises:
        ConfigError: a format needs a package that is not installed, or there are formats and no cells.
    """

    def __init__(self, folder: PredictionFolder, formats: Sequence[str], *, class_name: str) -> None:
        if formats and folder.cells is None:
            raise ConfigError(
                f"--export {' '.join(formats)}: the task of this run has no cells, and these files hold cells; leave "
                f"--export out, or take a run of one of the tasks {', '.join(tasks_with_cells())}"
            )
        self.folder, self._exports = folder, Exports(folder.path, formats, class_name=class_name)

    def is_done(self, image_id: str) -> bool:
        """Whether an image has all its results, and all its files of other tools."""
        return self.folder.is_done(image_id) and self._exports.is_done(image_id)

    def missing(self, images: Sequence[ImageFile]) -> list[LabelFile]:
        """Returns those of the images that are predicted and lack some files of other tools."""
        return self._exports.missing(self._label_files(images))

    def write(self, files: Sequence[LabelFile], *, threads: int, advance: Callable[[], object]) -> dict[str, str]:
        """Writes what these images lack. The parameters and the result are those of `Exports.write`."""
        return self._exports.write(files, threads=threads, advance=advance)

    def write_whole(self, images: Sequence[ImageFile]) -> list[str]:
        """Writes the files that hold the cells of all images, for those of the images that are predicted.

        Returns:
            Why that failed, if it did.
        """
        try:
            self._exports.write_whole(self._label_files(images))
        except DataError as error:
            return [str(error)]
        return []

    def _label_files(self, images: Sequence[ImageFile]) -> list[LabelFile]:
        cells = self.folder.cells
        if cells is None:
            return []
        table = cells.tables.table_path if cells.tables.measures else lambda _: None
        return [
            LabelFile(image.id, cells.label_path(image.id), _file_of(image), table(image.id))
            for image in images
            if self.folder.is_done(image.id)
        ]


def _file_of(image: ImageFile) -> str:
    """Returns the path of an image below the input folder; of a plane, what its own file would be called."""
    return image.id if PurePosixPath(image.id).name == image.path.name else f"{image.id}{image.path.suffix}"
