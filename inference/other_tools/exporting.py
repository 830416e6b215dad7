"""Files of label maps → files of other tools, for many images."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from images.labels.label_file import open_labels
from inference.other_tools.cells import LabelMap
from inference.other_tools.formats import FORMATS, require_packages
from system.errors import DataError


@dataclass(frozen=True)
class LabelFile:
    """A label map in a file.

    Attributes:
        name: the id of its image, which may have folders.
        path: the file.
        image: the file of its image, relative to the folder of the images.
        table: a CSV with the columns label and confidence; None if there is none.
    """

    name: str
    path: Path
    image: str
    table: Path | None = None


class Exports:
    """Owns the files of other tools below one folder.

    Args:
        folder: the folder to write to.
        formats: keys of `FORMATS`.
        class_name: what the cells are.

    Raises:
        ConfigError: a format needs a package that is not installed.
    """

    def __init__(self, folder: Path, formats: Sequence[str], *, class_name: str) -> None:
        require_packages(formats)
        self.folder, self.class_name = folder, class_name
        self.single = [FORMATS[name] for name in dict.fromkeys(formats) if not FORMATS[name].whole]
        self.whole = [FORMATS[name] for name in dict.fromkeys(formats) if FORMATS[name].whole]

    def is_done(self, name: str) -> bool:
        """Whether all files of one image are there, apart from those of all images together."""
        return all(kind.path(self.folder, name).exists() for kind in self.single)

    def missing(self, files: Sequence[LabelFile]) -> list[LabelFile]:
        """Returns the label maps whose files are not all there, or are older than the label map."""
        return [file for file in files if self._missing(file)]

    def write(
        self, files: Sequence[LabelFile], *, threads: int = 1, advance: Callable[[], object] = lambda: None
    ) -> dict[str, str]:
        """Writes what is missing of these label maps, in so many threads.

        Args:
            advance: is called after each label map, never by two threads at once.

        Returns:
            The name of each label map that cannot be used → why.

        Raises:
            DiskError, OSError: the folder cannot be written.
        """
        failures = {}
        with ThreadPoolExecutor(threads) as pool:
            for file, failure in zip(files, pool.map(self._write_one, files), strict=True):
                if failure is not None:
                    failures[file.name] = failure
                advance()
        return failures

    def write_whole(self, files: Sequence[LabelFile]) -> None:
        """Writes the files of all images together, anew, for these label maps. They must be readable.

        Raises:
            DataError: one of them cannot be used.
            DiskError, OSError: the folder cannot be written.
        """
        for kind in self.whole:
            kind.write(kind.path(self.folder, ""), self._label_maps(files))

    def _missing(self, file: LabelFile) -> list[Path]:
        since = file.path.stat().st_mtime_ns
        paths = [kind.path(self.folder, file.name) for kind in self.single]
        return [path for path in paths if not path.exists() or path.stat().st_mtime_ns < since]

    def _write_one(self, file: LabelFile) -> str | None:
        try:
            missing = self._missing(file)
            if missing:
                with self._opened(file) as label_map:
                    for kind in self.single:
                        path = kind.path(self.folder, file.name)
                        if path in missing:
                            kind.write(path, label_map)
        except DataError as error:
            return str(error)
        return None

    def _label_maps(self, files: Sequence[LabelFile]) -> Iterator[LabelMap]:
        for file in files:
            with self._opened(file) as label_map:
                yield label_map

    @contextmanager
    def _opened(self, file: LabelFile) -> Iterator[LabelMap]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            TemporaryDirectory(prefix=".labels.", dir=self.folder) as scratch,
            open_labels(file.path, scratch=Path(scratch)) as labels,
        ):
            yield LabelMap(file.name, file.image, labels, self.class_name, _confidences(file.table))


def _confidences(table: Path | None) -> dict[int, float]:
    if table is None:
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        return {int(row["label"]): float(row["confidence"]) for row in csv.DictReader(file)}
