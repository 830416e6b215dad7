"""Writes the data folder of this project: the files of a sample, and `dataset.yaml`.

inputs/<set>/
    images/<id>.png            uint8 RGB
    masks/<class>/<id>.png     uint8, 0 or 255
    labels/<id>.png            uint16 instance ids, 0 is background (optional)
    dataset.yaml               classes, source, licence, notes
    SHA256SUMS                 one line for each file, as `sha256sum -c` reads it
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from images.writing import encode_png
from system.files import write_text


def write_sample(
    folder: Path,
    sample_id: str,
    *,
    image: np.ndarray,
    masks: Mapping[str, np.ndarray],
    labels: np.ndarray | None = None,
) -> dict[str, str]:
    """Writes one sample below `folder`, and returns {path relative to the folder: SHA-256 hex digest}.

    Args:
        image: [H, W, 3] uint8, RGB.
        masks: class name → [H, W] bool or {0, 1}.
        labels: [H, W] integers, 0 is background, at most 65,535 objects.
    """
    arrays = {f"images/{sample_id}.png": image}
    for name, mask in masks.items():
        arrays[f"masks/{name}/{sample_id}.png"] = mask.astype(np.uint8) * 255
    if labels is not None:
        arrays[f"labels/{sample_id}.png"] = labels.astype(np.uint16)
    digests = {}
    for name, array in arrays.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = encode_png(array)
        path.write_bytes(content)  # not atomic: `system.files.staged_folder` makes the whole set appear at once
        digests[name] = hashlib.sha256(content).hexdigest()
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
) -> None:
    """Writes `SHA256SUMS`, and `dataset.yaml` with the digest of SHA256SUMS.

    Args:
        digests: as `write_sample` returns them, of all samples.
        notes: what else the importer wants to write down. Nothing of it is read, so that each importer has its own.
    """
    sums = "".join(f"{digests[file]}  {file}\n" for file in sorted(digests))
    write_text(folder / "SHA256SUMS", sums)
    fields = {} if name is None else {"name": name}
    fields |= {"classes": list(classes), "source": source, "licence": licence, "notes": dict(notes)}
    fields["sha256sums"] = hashlib.sha256(sums.encode()).hexdigest()
    write_text(folder / "dataset.yaml", yaml.safe_dump(fields, sort_keys=False, allow_unicode=True))
