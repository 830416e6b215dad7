"""Writes a model in several formats, compares the files with the run, and writes the model card beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from images.image_reader import ImageFile
from inference.export.comparison import Run, compare
from inference.export.formats import FORMATS, NETWORKS, is_installed
from inference.export.portable import PortableModel, portable_model
from inference.export.sample import drawn_tiles, sample_of, tiles_of
from inference.export.stretch import stretch_of
from inference.model_card.card import model_card
from inference.model_card.facts import ModelFacts
from inference.model_card.metadata import metadata_of
from inference.predictor import Predictor
from system.files import staged_folder, write_text
from system.lazy import load

CARD = "MODEL.md"
TILES = 3  # that logits are compared on


def export_model(
    predictor: Predictor,
    facts: ModelFacts,
    out: Path,
    formats: Sequence[str],
    *,
    images: Sequence[Path | ImageFile],
    threads: int,
    advance: Callable[[], object] = lambda: None,
) -> list[str]:
    """Writes the files of these formats and MODEL.md into a new folder.

    Args:
        predictor: of the run, on the CPU in fp32.
        formats: keys of `FORMATS`.
        images: files whose masks are compared. The first is shown in a package. None: noise is compared.
        threads: of the runtimes that run the files.
        advance: is called after each image that was compared.

    Returns:
        A sentence about each file.

    Raises:
        ConfigError: `out` exists and is not empty.
        DataError: a file computes something else than the run, or a package does not pass its test.
    """
    model, seen = portable_model(predictor), facts.input
    tiles = drawn_tiles(TILES, seen.reader.channels, seen.size)
    if images:
        tiles = tiles_of(images[:TILES], seen.reader, size=seen.size, resized=seen.overlap is None)
    with staged_folder(out) as folder:
        paths = _write_networks(model, facts, folder, formats)
        runs, sentences = _opened(paths, threads=threads)
        found = compare(predictor, model, runs, tiles=tiles.astype(np.float32), images=images, advance=advance)
        for name, comparison in found.items():
            comparison.require_equal(name)
        sentences = [comparison.sentence(name) for name, comparison in found.items()] + sentences
        if "bioimageio" in formats:
            from inference.export.package import write_package
            from inference.export.package_check import check_package

            path, card = folder / FORMATS["bioimageio"].file, model_card(facts, sentences)
            sample = sample_of(tiles[0], model, predictor.task, stretch_of(seen.reader))
            write_package(path, facts, onnx=paths["onnx"], card=card, sample=sample)
            sentences.append(check_package(path))
        for path in set(paths.values()) - {folder / FORMATS[name].file for name in formats}:
            path.unlink()  # it lies in the package
        write_text(folder / CARD, model_card(facts, sentences))
    return sentences


def _write_networks(model: PortableModel, facts: ModelFacts, folder: Path, formats: Sequence[str]) -> dict[str, Path]:
    """Writes the files of the network that these formats are or hold, and returns key of `NETWORKS` → path."""
    shape, metadata = (facts.input.reader.channels, *facts.input.size), metadata_of(facts)
    paths = {name: folder / NETWORKS[name].file for name in dict.fromkeys(FORMATS[name].network for name in formats)}
    for name, path in paths.items():
        load(NETWORKS[name].write)(path, model, shape=shape, metadata=metadata)
    return paths


def _opened(paths: Mapping[str, Path], *, threads: int) -> tuple[dict[str, Run], list[str]]:
    """Returns name of a file → its function, and a sentence for each file that nothing can run here."""
    runs, sentences = {}, []
    for name, path in paths.items():
        kind = NETWORKS[name]
        if is_installed(kind.runtime):
            runs[path.name] = load(kind.open)(path, threads=threads)
        else:
            sentences.append(f"{path.name}: it was not compared: python -m pip install {kind.runtime}")
    return runs, sentences
