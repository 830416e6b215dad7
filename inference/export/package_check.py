"""Lets bioimageio.core test a package, as every program of BioImage.IO may do. It needs no network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from inference.export.formats import is_installed
from system.errors import DataError

PACKAGES = ("bioimageio.core", "onnxruntime")
ADVICE = 'python -m pip install bioimageio.core onnxruntime "pydantic<2.14"'


def check_package(path: Path) -> str:
    """Tests a package, and returns a sentence about it, which may say that the test could not be made.

    Raises:
        DataError: the package does not pass.
    """
    if problem := why_untestable():
        return f"{path.name}: it was not tested, because {problem}: {ADVICE}"
    with _apart():
        from bioimageio.core import test_model

        summary = test_model(path, weight_format="onnx", devices=["CPUExecutionProvider"])
        if summary.status != "passed":
            faults = "; ".join(f"{'.'.join(map(str, error.loc))}: {error.msg}" for error in summary.errors)
            raise DataError(f"{path.name}: it does not pass the test of bioimageio.core; nothing was written: {faults}")
        version = next(one.version for one in summary.env if one.name == "bioimageio.core")
    return f"{path.name}: it passed the test of bioimageio.core {version}."


def why_untestable() -> str | None:
    """Returns why packages cannot be tested here; None if they can.

    bioimageio.spec up to 0.5.12 cannot write a description with pydantic from 2.14 on, which refuses an argument that
    earlier versions ignored.
    """
    if missing := [package for package in PACKAGES if not is_installed(package)]:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    with _apart():
        from bioimageio.spec.model.v0_5 import OnnxWeightsDescr
        from pydantic_core import PydanticSerializationError

        try:
            OnnxWeightsDescr.model_construct(source=Path("x"), opset_version=18).model_dump(mode="json")
        except PydanticSerializationError:
            return "this bioimageio.spec does not work with this pydantic"
    return None


@contextmanager
def _apart() -> Iterator[None]:
    """Lets bioimageio print nothing, and lets it have its cache, which nothing needs here, in a temporary folder."""
    with TemporaryDirectory() as cache:
        loaded, name = "bioimageio.spec" in sys.modules, "BIOIMAGEIO_CACHE_PATH"
        before = os.environ.get(name)
        if not loaded and before is None:
            os.environ[name] = cache
        try:
            from loguru import logger

            logger.disable("bioimageio")
            yield
        finally:
            if not loaded and before is None:
                del os.environ[name]
