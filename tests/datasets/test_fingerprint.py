"""The digest of a data folder: what changes it, and that it stays the one that earlier checkpoints hold."""

import hashlib

import pytest

from datasets.fingerprint import fingerprint
from datasets.folder.data_folder import list_folder
from tasks.binary import Binary

NAMES = ("a/b", "a.x", "a-/c", "b", "B", "a/b.c/d", "ä")  # "a/b" comes before "a.x" as a path, and after it as text


@pytest.fixture
def root(tmp_path):
    for number, name in enumerate(NAMES):
        for folder in ("images", "labels"):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * number)
    return tmp_path


def digest_of(root):
    folder = list_folder(root, Binary)
    return fingerprint(root, {sample.id: "train" for sample in folder.samples}, folder)


def test_names_and_sizes_in_the_order_of_paths(root):
    expected = hashlib.blake2b(digest_size=16)
    for path in sorted(path for path in root.rglob("*.png")):
        expected.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\n".encode())
    for name in sorted(NAMES):
        expected.update(f"{name}\0train\n".encode())
    assert digest_of(root) == expected.hexdigest()


def test_another_length_or_name_changes_it_and_another_place_does_not(root, monkeypatch):
    before = digest_of(root)
    monkeypatch.chdir(root)
    assert digest_of(root.relative_to(root)) == before
    (root / "images" / "b.png").write_bytes(b"longer than before")
    assert (after := digest_of(root)) != before
    (root / "images" / "b.png").rename(root / "images" / "c.png")
    (root / "labels" / "b.png").rename(root / "labels" / "c.png")
    assert digest_of(root) not in (before, after)
