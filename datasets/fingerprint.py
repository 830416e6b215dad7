"""A data folder's identity, cheap enough for every start."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from datasets.folder.data_folder import DataFolder
from datasets.samples import Samples


def fingerprint(root: Path, split: Mapping[str, str], *parts: Samples | DataFolder) -> str:
    """A digest of the split, and of the names (relative to `root`) and sizes of all files of the samples.

    No file is read. The digest changes where an image is added, removed, renamed or edited to another length.
    """
    digest = hashlib.blake2b(digest_size=16)
    start = len(str(root / "x")) - 1  # where names relative to `root` begin; text is faster than paths
    samples = (sample for part in parts for sample in part.samples)
    files = {str(file) for sample in samples for file in (sample.image, *sample.truth) if file}
    for file in sorted(files, key=lambda file: file.replace(os.sep, "\0")):  # the order of paths
        size = os.stat(file).st_size  # noqa: PTH116
        digest.update(f"{file[start:].replace(os.sep, '/')}\0{size}\n".encode())
    _add_split(digest, split)
    return digest.hexdigest()


def split_fingerprint(split: Mapping[str, str]) -> str:
    """A digest of the split alone, which says which images belong to which part."""
    digest = hashlib.blake2b(digest_size=16)
    _add_split(digest, split)
    return digest.hexdigest()


def _add_split(digest: hashlib.blake2b, split: Mapping[str, str]) -> None:
    for sample_id in sorted(split):
        digest.update(f"{sample_id}\0{split[sample_id]}\n".encode())
