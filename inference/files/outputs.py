"""Writes the folder of predicted masks and cells."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from images.image_reader import ImageFile
from images.writing import encode_png
from inference.files.cell_files import CellFiles
from inference.files.class_files import ClassFiles, class_colours
from inference.files.overlays import PREDICTION, draw_cells, draw_contours, stretched
from inference.files.warning_files import WarningFiles
from inference.measurements.measuring import MeasuredImage
from inference.prediction import Prediction
from system.errors import ConfigError
from system.files import write_bytes, write_text
from system.names import shown
from system.nested import flat
from system.yaml_file import read_yaml
from tasks.task import Task

COLOURS = 7  # that people can distinguish; neighbouring cells rarely have the same
DESCRIPTION, SOURCES, OVERLAYS = "prediction.yaml", "sources.csv", "overlays"
EXPORTS, COMMAND = "exports", "command"  # keys of the description that results do not depend on
LONGEST_COMMAND = 10_000  # characters; a pattern may stand for thousands of files


class PredictionFolder:
    """Owns the results of every image below one folder: masks, cells and `overlays/<id>.png`.

    An id may have folders, such as "A01/i0"; see `ImageFile`.

    Args:
        path: the folder to write to.
        task: names the classes, see `ClassFiles`.
        cells: whether there are cells, see `CellFiles`.
        measures: whether each cell gets a row in a table, see `CellTables`.
        warns: whether images are compared with those of the training; without cells, the warnings have files then.
    """

    def __init__(self, path: Path, task: Task, *, cells: bool, measures: bool = True, warns: bool = False) -> None:
        self.path, self.files = path, ClassFiles(path, task)
        self.cells = CellFiles(path, measures=measures) if cells else None
        self.warnings = WarningFiles(path) if warns and not cells else None

    def require_same(self, **origin: object) -> None:
        """Notes where the results come from. Earlier results in the folder must have the same origin.

        Raises:
            ConfigError: they have another origin.
        """
        note = self.path / DESCRIPTION
        if not note.exists() or not any((self.path / OVERLAYS).rglob("*.png")):
            write_text(note, yaml.safe_dump(origin, sort_keys=False))
            return
        there = {key: value for key, value in read_yaml(note).items() if key not in (EXPORTS, COMMAND)}
        if lines := _differences(there, origin):
            text = "\n  ".join([f"{self.path} holds results that were made differently; choose another --out", *lines])
            raise ConfigError(text)

    def note(self, *, exports: Sequence[str], command: str) -> None:
        """Adds formats of other tools to those that are noted, and notes the latest command. See `require_same` first.

        Args:
            exports: the names of the formats.
            command: the command line that wrote the results.
        """
        path = self.path / DESCRIPTION
        noted = read_yaml(path)
        listed = sorted({*noted.get(EXPORTS, ()), *exports})
        if len(command) > LONGEST_COMMAND:
            command = f"{command[:LONGEST_COMMAND]} … and {len(command) - LONGEST_COMMAND} more characters"
        noting = noted | ({EXPORTS: listed} if listed else {}) | {COMMAND: command}
        if noting != noted:
            write_text(path, yaml.safe_dump(noting, sort_keys=False))

    def claim(self, images: Sequence[ImageFile]) -> None:
        """Notes in sources.csv which file each id belongs to.

        Raises:
            ConfigError: the folder holds results of another file with the same id, or results of one of these files
                under another id: it was given by another --input, or by a version that named results by the stem.
        """
        # The folder of an image may have any name, also one with bytes that are no text.
        note, sources = self.path / SOURCES, {image.id: shown(str(image.resolve())) for image in images}
        known = dict(csv.reader(io.StringIO(note.read_text(encoding="utf-8"), newline=""))) if note.exists() else {}
        clashing = [name for name, source in sources.items() if known.get(name, source) != source]
        if clashing:
            raise ConfigError(
                f"{self.path} holds masks of {known[clashing[0]]}, not of {sources[clashing[0]]} "
                f"({len(clashing)} name{'s' * (len(clashing) > 1)} of two files); choose another --out"
            )
        earlier = {source: name for name, source in known.items() if name not in sources}
        renamed = [name for name, source in sources.items() if name not in known and source in earlier]
        if renamed:
            source = sources[renamed[0]]
            raise ConfigError(
                f"{self.path} holds masks of {source} as {earlier[source]}, which would now be {renamed[0]} "
                f"({len(renamed)} image{'s' * (len(renamed) > 1)}); give the same --input as before, or choose another "
                "--out. Images are named by their path below the input folder; earlier versions named them by the stem"
            )
        if any(name not in known for name in sources):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(sorted((known | sources).items()))
            write_text(note, text.getvalue())

    def _overlay(self, image_id: str) -> Path:
        return self.path / OVERLAYS / f"{image_id}.png"

    def is_done(self, image_id: str) -> bool:
        parts = [part for part in (self.files, self.cells, self.warnings) if part is not None]
        paths = [self._overlay(image_id), *(path for part in parts for path in part.paths(image_id))]
        return all(path.exists() for path in paths)

    def write(
        self,
        image_id: str,
        image: np.ndarray,
        prediction: Prediction,
        *,
        measured: MeasuredImage | None = None,
        warnings: Sequence[str] = (),
        step: int = 1,
    ) -> None:
        """Writes the results of one image.

        Args:
            image: [h, w, C] uint8, every `step`-th pixel of the image along both sides; the overlay has this size.
            measured: the pixels as the file holds them, for the intensities of cells; None measures none.
            warnings: about the image, for its row in images.csv.
        """
        self.files.write(image_id, prediction.masks)
        overlay, drawn = stretched(image), prediction.masks[self.files.channels, ::step, ::step]
        thickness = 1 + max(image.shape) // 1500
        if self.cells is not None:
            self.cells.write(image_id, prediction.objects, measured, warnings)
            labels = prediction.objects.labels[::step, ::step]
            draw_cells(overlay, labels, class_colours(COLOURS), thickness=thickness)
        else:
            colours = class_colours(len(drawn)) if len(drawn) > 1 else [PREDICTION]
            for mask, colour in zip(drawn, colours, strict=True):
                draw_contours(overlay, mask, colour, thickness=thickness)
        if self.warnings is not None:
            self.warnings.write(image_id, prediction.masks.shape[1:], warnings)
        write_bytes(self._overlay(image_id), encode_png(overlay))

    def write_summary(self, ids: Sequence[str]) -> int | None:
        """Writes images.csv and, with cells, cells.csv for those of these images that are done.

        Several processes may do this. The last one to write lists everything, because each looks again after writing.

        Returns:
            The number of their cells; None if the task has none.
        """
        tables = self.warnings if self.cells is None else self.cells
        listed = found = None
        while tables is not None and listed != (done := [image_id for image_id in ids if self.is_done(image_id)]):
            listed, found = done, tables.write_summary(done)
        return found


def _differences(there: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """Returns a line for each key of two descriptions, also of their sections, that has another value."""
    there, now = flat(there), flat(now)
    word = lambda value: "none" if value is None else value
    return [
        f"{key}: {word(there.get(key))} there, {word(now.get(key))} now"
        for key in there | now
        if there.get(key) != now.get(key)
    ]
