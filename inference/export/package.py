"""Writes bioimageio.zip: a model as a package of BioImage.IO (https://bioimage.io).

Its description, rdf.yaml, is plain YAML of a published format. It is written without the libraries of BioImage.IO, so
that it does not depend on their versions; `inference.export.package_check` lets them test the result.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from images.writing import encode_tiff
from inference.export.onnx_file import OPSET
from inference.export.sample import Sample
from inference.export.stretch import Stretch, stretch_of
from inference.model_card.facts import Credits, InputFacts, ModelFacts, OutputFacts
from inference.model_card.usage import PIXELS
from system.files import write_bytes

FORMAT = "0.5.12"  # of the description of a model
MAPS = "maps"  # the name of the output, which is the activation of the logits
TAGS = ["segmentation", "cells", "microscopy", "2d", "unet", "pytorch", "onnx"]
TOLERANCE = 1e-3  # of a map, absolute and relative; runtimes add in other orders
SPDX = re.compile(r"[A-Za-z0-9.+-]+")
WHEN = (1980, 1, 1, 0, 0, 0)  # the date of all files in the archive, so that equal models give equal bytes


def write_package(path: Path, facts: ModelFacts, *, onnx: Path, card: str, sample: Sample) -> None:
    """Writes the package.

    Args:
        onnx: the exported network.
        card: the documentation as Markdown.
    """
    stretch, credits = stretch_of(facts.input.reader), facts.credits
    files = {
        "model.onnx": onnx.read_bytes(),
        "documentation.md": card.encode(),
        "cover.png": sample.cover,
        "test_input.npy": _npy(sample.tile[None].astype(stretch.dtype)),
        "test_output.npy": _npy(sample.maps[None]),
        "sample_input.tif": encode_tiff(sample.tile),
        "sample_output.tif": encode_tiff(sample.maps),
    }
    if credits.licence and not SPDX.fullmatch(credits.licence):
        files["LICENSE.txt"] = f"{credits.licence}\n".encode()
    described = yaml.safe_dump(description(facts, stretch, files), sort_keys=False, allow_unicode=True)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {"rdf.yaml": described.encode(), **files}.items():
            archive.writestr(zipfile.ZipInfo(name, WHEN), data, zipfile.ZIP_DEFLATED)
    write_bytes(path, content.getvalue())


def description(facts: ModelFacts, stretch: Stretch, files: Mapping[str, bytes]) -> dict[str, object]:
    """Returns the content of rdf.yaml.

    Args:
        files: name → content of the files in the package.
    """
    file = lambda name: {"source": name, "sha256": hashlib.sha256(files[name]).hexdigest()}
    marks = f"Marks {', '.join(facts.output.classes)} in microscope images. {facts.training.network}."
    return {
        "format_version": FORMAT,
        "type": "model",
        "name": name_of(facts.name),
        "description": marks[:500],
        **_credits(facts.credits, file),
        "documentation": file("documentation.md"),
        "covers": [file("cover.png")],
        "tags": TAGS,
        "inputs": [
            _input(facts.input, stretch)
            | {"test_tensor": file("test_input.npy"), "sample_tensor": file("sample_input.tif")}
        ],
        "outputs": [
            _output(facts.input, facts.output)
            | {"test_tensor": file("test_output.npy"), "sample_tensor": file("sample_output.tif")}
        ],
        "weights": {"onnx": file("model.onnx") | {"opset_version": OPSET}},
        "config": {
            "bioimageio": {
                "reproducibility_tolerance": [{"absolute_tolerance": TOLERANCE, "relative_tolerance": TOLERANCE}],
                "target_structure": list(facts.output.classes),
                "task": "segmentation",
                "model_parameter_count": facts.training.parameters,
            }
        },
    }


def name_of(run: str) -> str:
    """Returns a name that BioImage.IO allows: letters, digits and a few signs, 5 to 64 of them."""
    name = re.sub(r"[^A-Za-z0-9_+\- ()]", "-", run)[:64]
    return name if len(name) >= 5 else f"model {name}"


def _credits(credits: Credits, file: object) -> dict[str, object]:
    found = {"authors": [{"name": author.replace("/", " ").replace("\\", " ")} for author in credits.authors]}
    found["cite"] = [{"text": text, "doi": doi} for text, doi in credits.papers]
    if credits.licence:
        found["license"] = credits.licence if SPDX.fullmatch(credits.licence) else file("LICENSE.txt")
    return found


def _input(seen: InputFacts, stretch: Stretch) -> dict[str, object]:
    names = [f"channel{number}" for number in range(seen.reader.channels)]
    if seen.reader.is_rgb:
        names = ["red", "green", "blue"]
    elif seen.reader.select is not None:
        names = [_identifier(f"channel_{one}") for one in seen.reader.select]
    sides = [{"type": "space", "id": axis, "size": side} for axis, side in zip("yx", seen.size, strict=True)]
    return {
        "id": PIXELS,
        "description": f"{'8-bit pixels' if stretch.dtype == 'uint8' else 'pixels'} of a tile; see the documentation",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": names}, *sides],
        "data": {"type": stretch.dtype},
        "preprocessing": stretch.steps(),
    }


def _output(seen: InputFacts, made: OutputFacts) -> dict[str, object]:
    halo = (seen.overlap or 0) // 2  # half of the overlap of two tiles belongs to each of them
    sides = [
        {
            "type": "space",
            "id": axis,
            "size": {"tensor_id": PIXELS, "axis_id": axis},
            **({"halo": halo} if halo else {}),
        }
        for axis in "yx"
    ]
    activation = {"id": made.activation} | ({"kwargs": {"axis": "channel"}} if made.activation == "softmax" else {})
    names = [_identifier(name) for name in made.channels]
    return {
        "id": MAPS,
        "description": "maps in [0, 1]; the documentation says what becomes of them",
        "axes": [{"type": "batch"}, {"type": "channel", "channel_names": names}, *sides],
        "data": {"type": "float32", "range": [0.0, 1.0]},
        "postprocessing": [activation],
    }


def _identifier(name: str) -> str:
    """Returns a name that may stand for a channel: a Python identifier in lower case."""
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return plain if plain[:1].isalpha() else f"c_{plain}"


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()
