"""The table of the formats, and what each of them needs. It is read without an import of what it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from system.errors import ConfigError

REQUIREMENTS = "requirements-formats.txt"
ONNX = ("onnx", "onnxscript")


@dataclass(frozen=True)
class NetworkFile:
    """A file of the network alone.

    Attributes:
        file: its name.
        write: "module:function", which takes a path, the network, the shape of an image and metadata.
        open: "module:function", which takes a path and a number of threads, and returns the function of the file.
        runtime: the package that runs it, by the name that Python imports.
    """

    file: str
    write: str
    open: str
    runtime: str


@dataclass(frozen=True)
class Format:
    """A format that a model can be handed on in.

    Attributes:
        file: the name of the file.
        network: a key of `NETWORKS`: the file of the network, which is the file itself or lies in it.
        packages: what it needs besides the requirements of this project, by the names that Python imports.
    """

    file: str
    network: str
    packages: tuple[str, ...] = ()


NETWORKS = {
    "onnx": NetworkFile(
        "model.onnx", "inference.export.onnx_file:write_onnx", "inference.export.onnx_file:open_onnx", "onnxruntime"
    ),
    "torch": NetworkFile(
        "model.pt2", "inference.export.torch_file:write_torch", "inference.export.torch_file:open_torch", "torch"
    ),
}
FORMATS = {
    "onnx": Format("model.onnx", "onnx", ONNX),
    "torch": Format("model.pt2", "torch"),
    "bioimageio": Format("bioimageio.zip", "onnx", ONNX),
}
HELP = "onnx (ONNX Runtime and others), torch (torch.export), bioimageio (a package for ImageJ, ilastik and others)"


def require_packages(formats: Sequence[str]) -> None:
    """Looks for the packages that these formats need, without an import of any of them.

    Raises:
        ConfigError: some are missing.
    """
    for name in formats:
        missing = [package for package in FORMATS[name].packages if not is_installed(package)]
        if missing:
            some = (
                f"package {missing[0]}, which is" if len(missing) == 1 else f"packages {', '.join(missing)}, which are"
            )
            raise ConfigError(
                f"{name} needs the {some} not installed: python -m pip install {' '.join(missing)} "
                f"({REQUIREMENTS} has the versions)"
            )


def is_installed(package: str) -> bool:
    """Whether Python finds a package; of "a.b" the package a is imported if it is there."""
    return find_spec(package.partition(".")[0]) is not None and find_spec(package) is not None
