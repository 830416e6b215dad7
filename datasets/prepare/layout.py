"""Writes the data folder of this project: the files of a sample, and `dataset.yaml`.

inputs/<set>/
    images/<id>.<ext>          the image, as PNG of uint8 RGB or as the file that it was
    masks/<class>/<id>.png     uint8, 0 or 255; or, for sets with void pixels:
    masks/<id>.png             class maps, uint8
    labels/<id>.png            uint16 instance ids, 0 is background (optional); above 65,535 objects a TIFF of uint32
    dataset.yaml               classes, source, licence, notes
    SHA256SUMS                 one line for each file, as `sha256sum -c` reads it

An id may hold forward slashes; its parts are folders. Functions that write return {path relative to the data folder:
SHA-256 hex digest}.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from images.labels.label_tiff import write_labels as write_tiff
from images.writing import encode_png
from system.files import write_text

MOST = 65_535  # ids in a PNG


def write_file(folder: Path, name: str, content: bytes) -> dict[str, str]:
    """Writes one file below `folder`."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)  # not atomic: `system.files.staged_folder` makes the whole set appear at once
    return {name: hashlib.sha256(content).hexdigest()}


def write_mask(folder: Path, class_name: str, sample_id: str, mask: np.ndarray) -> dict[str, str]:
    """Writes the mask of one class, [H, W] bool or {0, 1}."""
    return write_file(folder, f"masks/{class_name}/{sample_id}.png", encode_png(mask.astype(np.uint8) * 255))


def write_class_map(folder: Path, sample_id: str, indices: np.ndarray) -> dict[str, str]:
    """Writes a class map, [H, W] uint8 with the values of `palette` and `void` of the description."""
    return write_file(folder, f"masks/{sample_id}.png", encode_png(indices))


def write_labels(folder: Path, sample_id: str, labels: np.ndarray) -> dict[str, str]:
    """Writes a label map, [H, W] integers from 0. Ids above 65,535 are numbered anew, from 1, in their order."""
    if labels.max() > MOST:
        ids, inverse = np.unique(labels, return_inverse=True)
        labels = inverse.reshape(labels.shape) + (0 if ids[0] == 0 else 1)
    if labels.max() <= MOST:
        return write_file(folder, f"labels/{sample_id}.png", encode_png(labels.astype(np.uint16)))
    path = folder / "labels" / f"{sample_id}.tif"
    write_tiff(path, labels)
    return {f"labels/{sample_id}.tif": hashlib.sha256(path.read_bytes()).hexdigest()}


def write_sample(
    folder: Path,
    sample_id: str,
    *,
    image: np.ndarray,
    masks: Mapping[str, np.ndarray],
    labels: np.ndarray | None = None,
) -> dict[str, str]:
    """Writes one sample below `folder`.

    Args:
        image: [H, W, 3] uint8, RGB.
        masks: class name → [H, W] bool or {0, 1}.
        labels: [H, W] integers, 0 is background.
    """
    digests = write_file(folder, f"images/{sample_id}.png", encode_png(image))
    for name, mask in masks.items():
        digests |= write_mask(folder, name, sample_id, mask)
    if labels is not None:
        digests |= write_labels(folder, sample_id, labels)
    return digests


def write_description(
    folder: Path,
    digests: Mapping[str, str],
    *,
    classes: Sequence[str],
    source: str,
    licence: str,
    notes: Mapping[str, object],
    name: str | None = None,
    palette: Sequence[int] | None = None,
    void: int | None = None,
) -> None:
    """Writes `SHA256SUMS`, and `dataset.yaml` with the digest of SHA256SUMS.

    Args:
        digests: as `write_sample` returns them, of all samples.
        notes: what else the importer wants to write down. Nothing of it is read, so that each importer has its own.
        palette, void: the values of the classes and of void pixels in class maps; None without class maps.
    """
    sums = "".join(f"{digests[file]}  {file}\n" for file in sorted(digests))
    write_text(folder / "SHA256SUMS", sums)
    fields: dict[str, object] = {} if name is None else {"name": name}
    fields["classes"] = list(classes)
    if palette is not None:
        fields |= {"palette": list(palette), "void": void}
    fields |= {"source": source, "licence": licence, "notes": dict(notes)}
    fields["sha256sums"] = hashlib.sha256(sums.encode()).hexdigest()
    write_text(folder / "dataset.yaml", yaml.safe_dump(fields, sort_keys=False, allow_unicode=True))
