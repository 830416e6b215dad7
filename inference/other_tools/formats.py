"""The table of the formats, and what each of them needs. It is read without an import of what it names."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from system.errors import ConfigError
from system.lazy import load

if typing.TYPE_CHECKING:
    from inference.other_tools.cells import LabelMap


@dataclass(frozen=True)
class Format:
    """A format of another tool.

    Attributes:
        writer: "module:function"; the function takes a path and a label map or, if `whole`, all label maps.
        file: the path of what it writes, below the folder of the results; "{}" stands for the id of an image.
        package: the package that it needs, by the name that Python imports; None if it needs none.
        install: what pip installs.
        whole: whether one file holds the cells of all images.
    """

    writer: str
    file: str
    package: str | None = None
    install: str = ""
    whole: bool = False

    def path(self, folder: Path, name: str) -> Path:
        """Returns the path for the image `name`; with `whole` it is the same for all of them."""
        return folder / self.file.format(name)

    def write(self, path: Path, content: LabelMap | Iterable[LabelMap]) -> None:
        """Writes one file; see `writer`."""
        write: Callable[[Path, object], None] = load(self.writer)
        write(path, content)


FORMATS = {
    "roi": Format("inference.other_tools.roi:write_roi", "roi/{}.zip", "roifile", "roifile"),
    "geojson": Format("inference.other_tools.geojson:write_geojson", "geojson/{}.geojson"),
    "coco": Format("inference.other_tools.coco:write_coco", "coco.json", whole=True),
    "cellpose": Format("inference.other_tools.cellpose:write_cellpose", "cellpose/{}_cp_masks.tif"),
    "omezarr": Format("inference.other_tools.ome_zarr:write_ome_zarr", "omezarr/{}.zarr", "zarr", "zarr>=3"),
}
HELP = (
    "roi (ImageJ and Fiji), geojson (QuPath), coco (annotations of all images), cellpose (its masks), omezarr (napari)"
)


def require_packages(formats: Sequence[str]) -> None:
    """Looks for the packages that these formats need, without an import.

    Raises:
        ConfigError: one is missing.
    """
    for name in formats:
        package = FORMATS[name].package
        if package is not None and find_spec(package) is None:
            raise ConfigError(
                f"{name} needs the package {package}, which is not installed: "
                f'python -m pip install "{FORMATS[name].install}"'
            )
