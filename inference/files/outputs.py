"""Finds the image files that predict.py reads, and writes the folder of their masks and cells."""

from __future__ import annotations

import csv
import glob
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from images.reading import EXTENSIONS
from images.writing import encode_png
from inference.files.cell_files import CellFiles
from inference.files.class_files import ClassFiles, class_colours
from inference.files.overlays import PREDICTION, draw_cells, draw_contours, stretched
from inference.prediction import Prediction
from system.errors import ConfigError
from system.files import write_bytes, write_text
from system.names import shown
from system.yaml_file import read_yaml
from tasks.task import Task

COLOURS = 7  # that people can distinguish; neighbouring cells rarely have the same
DESCRIPTION, SOURCES = "prediction.yaml", "sources.csv"


def find_images(inputs: Sequence[str], out: Path) -> list[Path]:
    """Returns the paths of all images that `inputs` names, sorted, without those below `out`.

    Args:
        inputs: files, folders (which are searched recursively) and glob patterns.

    Raises:
        ConfigError: an input names no image, or two images have the same stem and so would share a mask file.
    """
    found: set[Path] = set()
    for text in inputs:
        # `Path.glob` refuses absolute patterns, so this is `glob.glob`.
        paths = [Path(text)] if Path(text).exists() else [Path(name) for name in glob.glob(text, recursive=True)]  # noqa: PTH207
        files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
        images = {file for file in files if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".")}
        images = {file for file in images if file.is_file() and out.resolve() not in file.resolve().parents}
        if not images:
            raise ConfigError(f"--input {text}: no images there ({', '.join(EXTENSIONS)}), except those below --out")
        found |= images
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(found):
        by_stem.setdefault(path.stem, []).append(path)
    colliding = [" and ".join(map(str, paths)) for paths in by_stem.values() if len(paths) > 1]
    if colliding:
        problem = "images with the same stem would write the same mask file; rename them:"
        raise ConfigError("\n  ".join([problem, *colliding[:10]]))
    return sorted(found)


class PredictionFolder:
    """Owns the results of every image below one folder: masks, cells and `overlays/<stem>.png`.

    Args:
        path: the folder to write to.
        task: names the classes, see `ClassFiles`.
        cells: whether there are cells, see `CellFiles`.
    """

    def __init__(self, path: Path, task: Task, *, cells: bool) -> None:
        self.path, self.files = path, ClassFiles(path, task)
        self.cells = CellFiles(path) if cells else None

    def require_same(self, **origin: object) -> None:
        """Notes where the masks come from. Earlier results in the folder must have the same origin.

        Raises:
            ConfigError: they have another origin.
        """
        note = self.path / DESCRIPTION
        if not note.exists():
            write_text(note, yaml.safe_dump(origin, sort_keys=False))
        elif (there := read_yaml(note)) != origin:
            raise ConfigError(f"{self.path} holds masks made with {there}, not {origin}; choose another --out")

    def claim_stems(self, images: Sequence[Path]) -> None:
        """Notes in sources.csv which file each stem belongs to.

        Raises:
            ConfigError: the folder holds results of another file with the same stem.
        """
        # The folder of an image may have any name, also one with bytes that are no text.
        note, sources = self.path / SOURCES, {path.stem: shown(str(path.resolve())) for path in images}
        known = dict(csv.reader(io.StringIO(note.read_text(encoding="utf-8"), newline=""))) if note.exists() else {}
        clashing = [stem for stem, source in sources.items() if known.get(stem, source) != source]
        if clashing:
            raise ConfigError(
                f"{self.path} holds masks of {known[clashing[0]]}, not of {sources[clashing[0]]} "
                f"({len(clashing)} stem{'s' * (len(clashing) > 1)} of two files); choose another --out"
            )
        if any(stem not in known for stem in sources):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(sorted((known | sources).items()))
            write_text(note, text.getvalue())

    def _overlay(self, stem: str) -> Path:
        return self.path / "overlays" / f"{stem}.png"

    def is_done(self, stem: str) -> bool:
        cells = [] if self.cells is None else self.cells.paths(stem)
        return all(path.exists() for path in [*self.files.paths(stem), *cells, self._overlay(stem)])

    def write(self, stem: str, image: np.ndarray, prediction: Prediction, *, step: int = 1) -> None:
        """Writes the results of one image.

        Args:
            image: [h, w, C] uint8, every `step`-th pixel of the image along both sides; the overlay has this size.
        """
        self.files.write(stem, prediction.masks)
        overlay, drawn = stretched(image), prediction.masks[self.files.channels, ::step, ::step]
        thickness = 1 + max(image.shape) // 1500
        if self.cells is not None:
            self.cells.write(stem, prediction.objects)
            labels = prediction.objects.labels[::step, ::step]
            draw_cells(overlay, labels, class_colours(COLOURS), thickness=thickness)
        else:
            colours = class_colours(len(drawn)) if len(drawn) > 1 else [PREDICTION]
            for mask, colour in zip(drawn, colours, strict=True):
                draw_contours(overlay, mask, colour, thickness=thickness)
        write_bytes(self._overlay(stem), encode_png(overlay))

    def write_summary(self, stems: Sequence[str]) -> int | None:
        """Writes images.csv for those of these images that are done.

        Several processes may do this. The last one to write lists everything, because each looks again after writing.

        Returns:
            The number of their cells; None if the task has none.
        """
        if self.cells is None:
            return None
        listed = None
        while listed != (done := [stem for stem in stems if self.is_done(stem)]):
            listed, cells = done, self.cells.write_summary(done)
        return cells
