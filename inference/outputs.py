"""What predict.py reads and writes: image files found, and the folder of their masks."""

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
from inference.class_files import ClassFiles, class_colours
from inference.overlays import PREDICTION, draw_contours, stretched
from system.errors import ConfigError
from system.files import write_bytes, write_text
from system.yaml_file import read_yaml
from tasks.task import Task

DESCRIPTION, SOURCES = "prediction.yaml", "sources.csv"


def find_images(inputs: Sequence[str], out: Path) -> list[Path]:
    """The images that files, folders (searched recursively) and glob patterns name, sorted, without those below `out`.

    Raises:
        ConfigError: an input names nothing, or two images share a stem and so would share a mask file.
    """
    found: set[Path] = set()
    for text in inputs:
        paths = [Path(text)] if Path(text).exists() else [Path(name) for name in glob.glob(text, recursive=True)]  # noqa: PTH207 absolute patterns too
        files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
        images = {file for file in files if file.suffix.lower() in EXTENSIONS and not file.name.startswith(".")}
        images = {file for file in images if file.is_file() and out.resolve() not in file.resolve().parents}
        if not images:
            raise ConfigError(f"--input {text}: no images there ({', '.join(EXTENSIONS)}), besides those below --out")
        found |= images
    by_stem: dict[str, list[Path]] = {}
    for path in sorted(found):
        by_stem.setdefault(path.stem, []).append(path)
    colliding = [" and ".join(map(str, paths)) for paths in by_stem.values() if len(paths) > 1]
    if colliding:
        raise ConfigError("\n  ".join(["images of one stem would write one mask file; rename them:", *colliding[:10]]))
    return sorted(found)


class PredictionFolder:
    """The masks of every image (see `ClassFiles`) and `overlays/<stem>.png` below one folder."""

    def __init__(self, path: Path, task: Task) -> None:
        self.path, self.files = path, ClassFiles(path, task)

    def require_same(self, **origin: object) -> None:
        """Notes where the masks come from; results that are there already must have come from the same.

        Raises:
            ConfigError: they did not.
        """
        note = self.path / DESCRIPTION
        if not note.exists():
            write_text(note, yaml.safe_dump(origin, sort_keys=False))
        elif (there := read_yaml(note)) != origin:
            raise ConfigError(f"{self.path} holds masks made with {there}, not {origin}; choose another --out")

    def claim_stems(self, images: Sequence[Path]) -> None:
        """Notes in sources.csv which file each stem belongs to.

        Raises:
            ConfigError: results of another file of the same stem are there.
        """
        note, sources = self.path / SOURCES, {path.stem: str(path.resolve()) for path in images}
        known = dict(csv.reader(note.read_text(encoding="utf-8").splitlines())) if note.exists() else {}
        clashing = [stem for stem, source in sources.items() if known.get(stem, source) != source]
        if clashing:
            raise ConfigError(
                f"{self.path} holds masks of {known[clashing[0]]}, not of {sources[clashing[0]]} "
                f"({len(clashing)} stem{'s' * (len(clashing) > 1)} of two files); choose another --out"
            )
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(sorted((known | sources).items()))
        write_text(note, text.getvalue())

    def _overlay(self, stem: str) -> Path:
        return self.path / "overlays" / f"{stem}.png"

    def is_done(self, stem: str) -> bool:
        return all(path.exists() for path in [*self.files.paths(stem), self._overlay(stem)])

    def write(self, stem: str, image: np.ndarray, masks: np.ndarray) -> None:
        """Writes the results of one image: image [H, W, C] uint8 and masks [K, H, W] bool."""
        self.files.write(stem, masks)
        overlay, drawn = stretched(image), masks[self.files.channels]
        colours = class_colours(len(drawn)) if len(drawn) > 1 else [PREDICTION]
        for mask, colour in zip(drawn, colours, strict=True):
            draw_contours(overlay, mask, colour, thickness=1 + max(mask.shape) // 1500)
        write_bytes(self._overlay(stem), encode_png(overlay))
