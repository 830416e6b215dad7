"""Formats of microscopes that optional packages read. A package is imported when a file needs it, and not before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from images.formats.headers import Refusal, check_size, damaged
from images.formats.volume import Volume
from images.microscope.stored import StoredVolume
from system.errors import FileError
from system.regular_file import require_regular

CONVERT = "convert it to OME-TIFF, with Fiji (File > Save As > OME-TIFF) or with bfconvert of Bio-Formats"
BYTES_PER_PIXEL = 32  # of a plane with all its channels, as for the other formats; see `images.reading`


@dataclass(frozen=True)
class Format:
    """A format that a package reads.

    Attributes:
        name: what messages call a file.
        package: what pip installs.
        module: our module with the function `open_file`, (path, most) → StoredVolume. It may raise any exception.
        start: a pattern of the first bytes of a file; None for a format whose images are folders.
    """

    name: str
    package: str
    module: str
    start: bytes | None


FORMATS = {
    ".czi": Format("Zeiss CZI", "pylibCZIrw", "images.microscope.zeiss", rb"ZISRAWFILE"),
    ".nd2": Format("Nikon ND2", "nd2", "images.microscope.nikon", rb"\xda\xce\xbe\x0a|\0\0\0\x0cjP  "),
    ".lif": Format("Leica LIF", "liffile", "images.microscope.leica", rb"\x70\0\0\0....\x2a"),
    ".zarr": Format("OME-Zarr", "zarr>=3", "images.microscope.ome_zarr", None),
}
# Extensions of files that people mean as images, although nothing here reads them.
UNREAD = {
    ".dv": "a DeltaVision file",
    ".ims": "an Imaris file",
    ".lsm": "a Zeiss LSM file",
    ".mrxs": "a MIRAX slide",
    ".ndpi": "a Hamamatsu slide",
    ".oib": "an Olympus OIB file",
    ".oif": "an Olympus OIF file",
    ".oir": "an Olympus OIR file",
    ".scn": "a Leica slide",
    ".stk": "a MetaMorph stack",
    ".svs": "an Aperio slide",
    ".vsi": "an Olympus VSI file",
}
EXTENSIONS = (*(extension for extension, kind in FORMATS.items() if kind.start), *UNREAD)  # of files
ZARR_FILES = (".zattrs", ".zgroup", "zarr.json")  # one of them lies in any folder of a Zarr


def is_image_folder(path: Path) -> bool:
    """Whether a folder is one image or a group of images in the format Zarr, rather than a folder of files."""
    return path.is_dir() and (path.suffix.lower() == ".zarr" or any((path / name).is_file() for name in ZARR_FILES))


def is_microscope(path: Path) -> bool:
    """Whether `open_microscope` is meant to open this path: it asks for the extension, or for a folder of Zarr."""
    return path.suffix.lower() in EXTENSIONS or is_image_folder(path)


def open_microscope(path: Path, *, max_pixels: int) -> Volume:
    """Opens an image for which `is_microscope` is true. No pixel is decoded before a plane is read.

    Args:
        max_pixels: the most pixels (H*W) of a plane; with all channels it may have 32 bytes for each of them.

    Raises:
        FileError: nothing here reads the format; its package is not installed; or the file is damaged, is too large, or
            has a layout that is not read.
    """
    try:
        extension = ".zarr" if path.is_dir() else path.suffix.lower()
        if extension in UNREAD:
            raise Refusal(f"{UNREAD[extension]}, a format that is not read", fix=CONVERT)
        kind = FORMATS[extension]
        _require_start(path, kind)
        open_file = _opener(kind)
        most = max_pixels * BYTES_PER_PIXEL
        try:
            with _refusing(kind):
                volume = open_file(path, most)
        except MemoryError as error:  # no pixel was read yet, so a damaged length asked for it
            raise damaged(kind.name, "its description asks for more memory than there is") from error
        try:
            return _Checked(volume, kind, max_pixels=max_pixels, most=most)
        except BaseException:
            volume.close()
            raise
    except Refusal as refusal:
        raise FileError(str(path), found=refusal.found, fix=refusal.fix, kind=refusal.kind) from refusal


def _require_start(path: Path, kind: Format) -> None:
    """Refuses a file that does not begin as its format does, so that no package sees other content."""
    if kind.start is None:
        return
    try:
        require_regular(path)
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        fix = "check its name and permissions"
        raise Refusal(f"cannot be read ({error.strerror})", fix=fix, kind="unreadable") from error
    if not re.match(kind.start, start, re.DOTALL):
        raise damaged(kind.name, "it does not begin as such a file does")


def _opener(kind: Format) -> Callable[[Path, int], StoredVolume]:
    try:
        return import_module(kind.module).open_file
    except ImportError as error:
        why = "" if isinstance(error, ModuleNotFoundError) else f", which cannot be imported ({error})"
        fix = f'install it (python -m pip install "{kind.package}"), or {CONVERT}'
        raise Refusal(f"{kind.name}, which needs the package {kind.package}{why}", fix=fix) from error


@contextmanager
def _refusing(kind: Format) -> Iterator[None]:
    """Turns whatever a package raises into a refusal of the file."""
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except Exception as error:  # a decoder of another project can raise anything on a damaged file
        why = " ".join(str(error).split())[:200]
        raise damaged(kind.name, f"{type(error).__name__}: {why}") from error


class _Checked(Volume):
    """Another volume whose sizes are checked before planes are read, and whose planes are checked after it."""

    def __init__(self, volume: StoredVolume, kind: Format, *, max_pixels: int, most: int) -> None:
        self._volume, self._kind = volume, kind
        self.size, self.lengths, self.channel_names = volume.size, volume.lengths, volume.channel_names
        check_size(*self.size, max_pixels)
        if any(length < 1 for length in self.lengths.values()):
            raise damaged(kind.name, f"axes of the lengths {self.lengths}")
        if (needed := self.size[0] * self.size[1] * self.channels * volume.dtype.itemsize) > most:
            fix = f"at most {most} are read: save it with fewer channels, or cut it into smaller images"
            raise Refusal(f"planes of {needed} bytes ({self.channels} channels)", fix=fix)
        if volume.dtype.kind not in "uif":
            raise Refusal(f"{volume.dtype} pixels", fix="save it with whole or floating numbers")

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        if index.keys() != self.stacked.keys() or any(not 0 <= n < self.stacked[axis] for axis, n in index.items()):
            raise ValueError(f"index {dict(index)} for the axes {self.stacked}")
        with _refusing(self._kind):
            plane = self._volume.read(index)
        if plane.shape != (*self.size, self.channels):
            raise damaged(
                self._kind.name, f"a plane of {plane.shape} in a file of {self.size}, {self.channels} channels"
            )
        if plane.dtype.kind == "f":
            plane = plane.astype(np.float32)
            if lost := plane.size - np.count_nonzero(np.isfinite(plane)):
                raise Refusal(f"{lost} of {plane.size} values are not finite numbers", fix="replace them (by 0, say)")
        return np.ascontiguousarray(plane)

    def close(self) -> None:
        self._volume.close()
