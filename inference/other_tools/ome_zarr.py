"""Label map → OME-Zarr 0.4, which napari opens with napari-ome-zarr. The package zarr writes it.

Source: https://ngff.openmicroscopy.org/0.4: a multiscale image of labels with the metadata "image-label".
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import zarr
from numcodecs import Blosc

from inference.other_tools.cells import LabelMap
from system.files import staged_folder

VERSION = "0.4"  # written, because more programs read it than 0.5
CHUNK = 1024  # pixels along each side; the pyramid ends with a level of one chunk


def write_ome_zarr(path: Path, label_map: LabelMap) -> None:
    """Writes the labels as a pyramid. Each level has every second pixel of the level before, so that ids stay ids.

    The confidences are properties of the labels. A folder that is there already is replaced.

    Raises:
        OSError: the folder cannot be written.
    """
    labels, top_id = label_map.labels, int(label_map.cells.ids.max(initial=0))
    dtype = np.uint16 if top_id < 2**16 else np.uint32
    if path.is_dir():
        shutil.rmtree(path)
    with staged_folder(path) as folder:
        group = zarr.create_group(folder, zarr_format=2)
        paths = []
        while not paths or max(labels.shape) > CHUNK:
            if paths:
                labels = labels[::2, ::2]  # a view of what was written, so that level n reads each 2ⁿ-th row
            paths.append(str(len(paths)))
            array = group.create_array(
                paths[-1],
                shape=labels.shape,
                chunks=(min(CHUNK, labels.shape[0]), min(CHUNK, labels.shape[1])),
                dtype=dtype,
                fill_value=0,
                compressors=Blosc("zstd", clevel=3, shuffle=Blosc.NOSHUFFLE),  # labels are smaller unshuffled
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            for top in range(0, len(labels), CHUNK):
                array[top : top + CHUNK] = np.asarray(labels[top : top + CHUNK]).astype(dtype)
        group.attrs.update(_metadata(label_map, paths))


def _metadata(label_map: LabelMap, paths: list[str]) -> dict[str, object]:
    scales = [
        {"path": path, "coordinateTransformations": [{"type": "scale", "scale": [float(2**level)] * 2}]}
        for level, path in enumerate(paths)
    ]
    axes = [{"name": name, "type": "space"} for name in "yx"]
    image = {"version": VERSION, "name": label_map.name, "axes": axes, "datasets": scales}
    about = [{"label-value": label, "confidence": sure} for label, sure in label_map.confidence_of.items()]
    return {
        "multiscales": [image],
        "image-label": {"version": VERSION} | ({"properties": about} if about else {}),
    }
