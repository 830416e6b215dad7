"""Writes bioimageio.zip: a model as a package of BioImage.IO (https://bioimage.io), which its own test must pass."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from images.writing import encode_tiff
from inference.export.onnx_file import OPSET
from inference.export.sample import Sample
from inference.export.stretch import Stretch, stretch_of
from inference.model_card.facts import InputFacts, ModelFacts, OutputFacts
from inference.model_card.usage import PIXELS
from system.errors import DataError
from system.files import write_bytes

if TYPE_CHECKING:
    from bioimageio.spec.model import v0_5

MAPS = "maps"  # the name of the output, which is the activation of the logits
TAGS = ["segmentation", "cells", "microscopy", "2d", "unet", "pytorch", "onnx"]
ABSOLUTE, RELATIVE = 1e-3, 1e-3  # of a map; runtimes add in other orders


def write_package(path: Path, facts: ModelFacts, *, onnx: Path, card: str, sample: Sample) -> str:
    """Writes the package, and returns a sentence about its test.

    Args:
        onnx: the exported network.
        card: the documentation as Markdown.

    Raises:
        DataError: the package does not pass the test of bioimageio.core.
    """
    with TemporaryDirectory() as folder, _apart(Path(folder) / "cache"):
        from bioimageio.core import test_model
        from bioimageio.spec import ValidationContext, save_bioimageio_package

        stretch = stretch_of(facts.input.reader)
        content = {"model.onnx": onnx.read_bytes(), "documentation.md": card.encode()}
        content |= {"cover.png": sample.cover, "sample_input.tif": encode_tiff(sample.tile)}
        content |= {"sample_output.tif": encode_tiff(sample.maps)}
        content |= {"test_input.npy": _npy(sample.tile[None].astype(stretch.dtype))}
        content |= {"test_output.npy": _npy(sample.maps[None])}
        for name, data in content.items():
            (Path(folder) / name).write_bytes(data)
        with ValidationContext(root=Path(folder), perform_io_checks=True, warning_level=50):
            description = describe(facts, stretch)
        package = save_bioimageio_package(description, output_path=Path(folder) / "package.zip")
        tested = test_model(package, devices=["CPUExecutionProvider"])
        if tested.status != "passed":
            faults = "; ".join(f"{error.loc}: {error.msg}" for error in tested.errors)
            raise DataError(f"{path.name}: the package does not pass the test of bioimageio.core: {faults}")
        write_bytes(path, Path(package).read_bytes())
    return f"{path.name}: it passed the test of bioimageio.core, format {description.format_version}."


def describe(facts: ModelFacts, stretch: Stretch) -> v0_5.ModelDescr:
    """Returns the description of the package, whose files lie in the folder of the current validation context."""
    from bioimageio.spec.model import v0_5 as v

    text = f"Finds {', '.join(facts.output.classes)} in microscope images; {facts.training.network}."
    weights = v.OnnxWeightsDescr(source="model.onnx", opset_version=OPSET)
    return v.ModelDescr(
        name=name_of(facts.name),
        description=text[:500],
        authors=[v.Author(name=author) for author in facts.credits.authors],
        cite=[v.CiteEntry(text=paper, doi=doi) for paper, doi in facts.credits.papers],
        license=facts.credits.licence,
        documentation="documentation.md",
        covers=["cover.png"],
        tags=TAGS,
        inputs=[_input(facts.input, stretch)],
        outputs=[_output(facts.input, facts.output)],
        weights=v.WeightsDescr(onnx=weights),
        config=v.Config(
            bioimageio=v.BioimageioConfig(
                reproducibility_tolerance=[
                    v.ReproducibilityTolerance(absolute_tolerance=ABSOLUTE, relative_tolerance=RELATIVE)
                ],
                target_structure=list(facts.output.classes),
                task="segmentation",
                model_parameter_count=facts.training.parameters,
            )
        ),
    )


def name_of(run: str) -> str:
    """Returns a name that BioImage.IO allows: letters, digits and a few signs, 5 to 64 of them."""
    name = re.sub(r"[^A-Za-z0-9_+\- ()]", "-", run)[:64]
    return name if len(name) >= 5 else f"model {name}"


def _input(seen: InputFacts, stretch: Stretch) -> v0_5.InputTensorDescr:
    from bioimageio.spec.model import v0_5 as v

    (height, width), select = seen.size, seen.reader.select
    names = [f"channel{number}" for number in range(seen.reader.channels)]
    if seen.reader.is_rgb:
        names = ["red", "green", "blue"]
    elif select is not None:
        names = [re.sub(r"\W", "_", f"channel_{one}") for one in select]
    return v.InputTensorDescr(
        id=PIXELS,
        description=f"{'8-bit pixels' if stretch.dtype == 'uint8' else 'pixels'} of a tile; see the documentation",
        axes=[
            v.BatchAxis(),
            v.ChannelAxis(channel_names=names),
            v.SpaceInputAxis(id="y", size=height),
            v.SpaceInputAxis(id="x", size=width),
        ],
        data=v.IntervalOrRatioDataDescr(type=stretch.dtype),
        test_tensor={"source": "test_input.npy"},
        sample_tensor={"source": "sample_input.tif"},
        preprocessing=stretch.steps(),
    )


def _output(seen: InputFacts, made: OutputFacts) -> v0_5.OutputTensorDescr:
    from bioimageio.spec.model import v0_5 as v

    activation = {"id": made.activation}
    if made.activation == "softmax":
        activation["kwargs"] = {"axis": "channel"}
    halo = (seen.overlap or 0) // 2  # half of the overlap of two tiles belongs to each of them
    edge = (lambda **axis: v.SpaceOutputAxisWithHalo(halo=halo, **axis)) if halo else v.SpaceOutputAxis
    return v.OutputTensorDescr(
        id=MAPS,
        description="maps in [0, 1]; see the documentation for what becomes of them",
        axes=[
            v.BatchAxis(),
            v.ChannelAxis(channel_names=[re.sub(r"\W", "_", name) for name in made.channels]),
            *(edge(id=axis, size={"tensor_id": PIXELS, "axis_id": axis}) for axis in "yx"),
        ],
        data=v.IntervalOrRatioDataDescr(type="float32", range=(0.0, 1.0)),
        test_tensor={"source": "test_output.npy"},
        sample_tensor={"source": "sample_output.tif"},
        postprocessing=[activation],
    )


@contextmanager
def _apart(cache: Path) -> Iterator[None]:
    """Lets bioimageio print nothing, and lets it have its cache, which nothing needs here, in a temporary folder."""
    from loguru import logger

    before, loaded = os.environ.get("BIOIMAGEIO_CACHE_PATH"), "bioimageio.spec" in sys.modules
    if not loaded:
        os.environ["BIOIMAGEIO_CACHE_PATH"] = str(cache)
    logger.disable("bioimageio")
    try:
        yield
    finally:
        logger.enable("bioimageio")
        if not loaded and before is None:
            del os.environ["BIOIMAGEIO_CACHE_PATH"]
        elif not loaded:
            os.environ["BIOIMAGEIO_CACHE_PATH"] = before


def _npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()
