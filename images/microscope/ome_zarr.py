"""OME-Zarr images, versions 0.1 to 0.5 (ngff.openmicroscopy.org), with the package zarr (MIT)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import zarr

from images.formats.headers import Refusal
from images.microscope.stored import StoredVolume
from system.names import fault_of

AXES_UNTIL_0_2 = ("t", "c", "z", "y", "x")  # of versions that do not name them
# What may stand between a chunk and its pixels. Others are refused: numcodecs has one that executes what it reads.
CODECS = {
    *("bytes", "transpose", "crc32c", "sharding_indexed", "blosc", "zstd", "gzip"),
    *("zlib", "bz2", "lzma", "lz4", "shuffle", "delta", "bitround", "adler32", "crc32"),
}


def open_file(path: Path, most: int) -> StoredVolume:
    """Opens a folder whose chunks have at most `most` bytes each, because a chunk is decoded as a whole."""
    if int(zarr.__version__.split(".")[0]) < 3:
        fix = 'install zarr 3 (python -m pip install "zarr>=3"), which needs Python 3.11'
        raise Refusal(f"OME-Zarr, which needs zarr 3; {zarr.__version__} is installed", fix=fix)
    return ZarrVolume(path, most)


class ZarrVolume(StoredVolume):
    """The full resolution of an image. The letters of its axes are those of the file, in capitals."""

    def __init__(self, path: Path, most: int) -> None:
        store = zarr.storage.LocalStore(path, read_only=True)
        group = zarr.open_group(store, mode="r", use_consolidated=False)
        group, described = _image_of(group, path.name)
        scales = described["multiscales"][0]
        place = str(scales["datasets"][0]["path"])
        if any(fault_of(part) for part in place.split("/")):  # ".." among them
            raise Refusal(f"pixels at the path {place!r}", fix="save it anew")
        self._array = group[place]
        self._axes = _axes_of(scales)
        shape = self._array.shape
        if len(shape) != len(self._axes) or len(set(self._axes)) != len(shape) or not {"Y", "X"} <= set(self._axes):
            raise Refusal(f"axes {' '.join(self._axes)} for an array of {len(shape)} axes", fix="save it anew")
        _check_array(self._array, most)
        self.dtype = self._array.dtype
        lengths = dict(zip(self._axes, shape, strict=True))
        self.size = lengths.pop("Y"), lengths.pop("X")
        self.lengths = {axis: length for axis, length in lengths.items() if length != 1}
        channels = described.get("omero", {}).get("channels", [])
        names = tuple(str(channel.get("label", "")) for channel in channels)
        self.channel_names = names if len(names) == lengths.get("C", 1) and all(names) else ()

    def read(self, index: Mapping[str, int]) -> np.ndarray:
        chosen = [slice(None) if axis in "CYX" else index.get(axis, 0) for axis in self._axes]
        plane = np.asarray(self._array[tuple(chosen)])
        left = [axis for axis in self._axes if axis in "CYX"]
        plane = plane.transpose([left.index(axis) for axis in "YXC" if axis in left])
        return plane.reshape(*self.size, -1)


def _image_of(group: zarr.Group, name: str) -> tuple[zarr.Group, dict]:
    """The group of the only image of a folder, and its OME metadata."""
    attributes = group.attrs.asdict()
    described = attributes.get("ome", attributes)
    if "multiscales" in described:
        return group, described
    if "plate" in described or "well" in described:
        inside = "*/*/*" if "plate" in described else "*"
        fix = f'give its images as a pattern, such as --input "…/{name}/{inside}"'
        raise Refusal(f"a {'plate' if 'plate' in described else 'well'} of several images in OME-Zarr", fix=fix)
    series = [key for key in group.group_keys() if key.isdigit()]  # as bioformats2raw arranges them
    if len(series) == 1:
        return _image_of(group[series[0]], f"{name}/{series[0]}")
    if series:
        fix = f'give its images as a pattern, such as --input "…/{name}/[0-9]*"'
        raise Refusal(f"{len(series)} images in one OME-Zarr", fix=fix)
    raise Refusal("a Zarr without the metadata of OME-Zarr (multiscales)", fix="write it with an OME-Zarr writer")


def _axes_of(scales: Mapping) -> tuple[str, ...]:
    """One letter for each axis: "T" and "C" by their types, others by the first letter of their names."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in scales.get("axes", AXES_UNTIL_0_2)]
    letters = {"time": "T", "channel": "C"}
    return tuple(letters.get(axis.get("type"), str(axis["name"])[:1].upper()) for axis in axes)


def _check_array(array: zarr.Array, most: int) -> None:
    """Refuses pixels that are no numbers, unknown codecs, and chunks of more than `most` bytes."""
    if not isinstance(array, zarr.Array) or array.dtype.kind not in "uif":
        raise Refusal("a Zarr whose pixels are no numbers", fix="save it with whole or floating numbers")
    unknown = sorted(_codecs_of(array.metadata.to_dict()) - CODECS)
    if unknown:
        raise Refusal(f"a Zarr with the codecs {', '.join(unknown)}", fix=f"read are {', '.join(sorted(CODECS))}")
    if (size := math.prod(array.chunks) * array.dtype.itemsize) > most:
        raise Refusal(f"chunks of {size} bytes", fix=f"at most {most} are read: save it in smaller chunks")


def _codecs_of(metadata: Mapping) -> set[str]:
    """The names of all codecs of an array, of those inside of shards too."""
    listed = [metadata.get("compressor"), *(metadata.get("filters") or ()), *(metadata.get("codecs") or ())]
    found = set()
    for codec in filter(None, listed):
        found.add(str(codec.get("id", codec.get("name"))).removeprefix("numcodecs."))
        inner = codec.get("configuration", {})
        found |= _codecs_of(inner) | _codecs_of({"codecs": inner.get("index_codecs")})
    return found
