"""Decoded samples in files: never the pixels of other files, never an error, and shared by runs and processes."""

import multiprocessing
import os
import pickle
import shutil
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from datasets import sample_store
from datasets.folder.data_folder import list_folder
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.sample_store import SampleStore
from datasets.samples import Samples
from images.image_reader import ImageReader
from images.reading import read_image, read_mask
from tasks.binary import Binary
from tasks.distance import Distance
from tasks.task import TaskOptions

READER = ImageReader()


@pytest.fixture
def folder(small_set):
    return list_folder(small_set, Binary)


@pytest.fixture
def decodes(monkeypatch):
    """A list that gets the image of each sample that is decoded."""
    decoded, read = [], Samples._decoded

    def counted(self, index, **how):
        decoded.append(self.samples[index].image.name)
        return read(self, index, **how)

    monkeypatch.setattr(Samples, "_decoded", counted)
    return decoded


@pytest.fixture
def store_of(tmp_path, folder):
    """Makes samples that are only kept in files, as each run does anew."""

    def make(*, reader=READER, size=None, task=folder.task, samples=folder.samples, where=tmp_path / "kept"):
        store = SampleStore(where, reader, task, size=size)
        return Samples(samples, reader, task, size=size, memory=SampleMemory(0), store=store)

    return make


def entries(tmp_path):
    return sorted(path for path in (tmp_path / "kept").rglob("*") if path.is_file())


def test_a_stored_sample_is_that_of_the_files(store_of, folder, decodes):
    for number in range(3):
        samples = store_of()
        for index, sample in enumerate(folder.samples):
            image, target = samples[index]
            assert (image == read_image(sample.image)).all()
            assert (target[..., 0] == read_mask(sample.truth[0])).all()
            assert samples.image_sizes[index] == (32, 32)
            image[:] = target[:] = 7  # what a caller does to its arrays stays with the caller
        assert len(decodes) == 10, number


@pytest.mark.parametrize("part", ["image", "truth"])
def test_an_edited_file_never_gives_its_old_pixels(store_of, folder, part):
    path = folder.samples[0].image if part == "image" else folder.samples[0].truth[0]
    before = store_of()[0]
    known, content = path.stat(), path.read_bytes()
    array = cv2.imread(str(path))
    cv2.imwrite(str(path), 255 - array)
    longer = max(len(content), path.stat().st_size)  # bytes behind the end of a PNG change nothing
    path.write_bytes(path.read_bytes().ljust(longer, b"\0"))
    os.utime(path, ns=(known.st_atime_ns, known.st_mtime_ns))  # as tools do that copy the time, too
    image, target = store_of()[0]
    assert ((image == before[0]).all(), (target == before[1]).all()) == (part != "image", part != "truth")
    path.write_bytes(content)
    assert all((one == other).all() for one, other in zip(store_of()[0], before, strict=True))


def test_what_decides_on_the_pixels_has_entries_of_its_own(store_of, folder, decodes, monkeypatch):
    distance = Distance.for_truth(list_folder(folder.samples[0].image.parents[1], Binary).task.truth, TaskOptions())
    others = [
        {},
        {"size": (16, 16)},
        {"reader": ImageReader(1)},
        {"reader": ImageReader(3, "image")},
        {"reader": ImageReader(3, "run", (0.0, 99.0))},
        {"reader": ImageReader(3, "run", (0.0, 98.0))},
        {"task": Binary(folder.task.classes, replace(folder.task.truth, threshold=0.25))},
        {"task": distance},
        {"samples": (replace(folder.samples[0], truth=(None,)),)},
    ]
    for number, change in enumerate(others, start=1):
        store_of(**change)[0]
        store_of(**change)[0]
        assert len(decodes) == number, change
    moved = tuple(replace(sample, id="other") for sample in folder.samples)
    store_of(samples=moved)[0]  # the control: a name is no content
    assert len(decodes) == len(others)
    monkeypatch.setattr(cv2, "__version__", "99.0")
    store_of()[0]
    assert len(decodes) == len(others) + 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:20],
        lambda content: content[:-1],
        lambda content: content + b"\0",
        lambda content: b"\0" * len(content),
        lambda content: content[:1000] + bytes([content[1000] ^ 1]) + content[1001:],
        lambda content: content[:16] + b"\xff\xff\xff\xff" + content[20:],
    ],
)
def test_a_damaged_entry_is_decoded_and_written_anew(store_of, tmp_path, decodes, damage):
    whole = store_of()[0]
    (path,) = entries(tmp_path)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    for _ in range(2):
        assert all((one == other).all() for one, other in zip(store_of()[0], whole, strict=True))
    assert len(decodes) == 2
    assert path.read_bytes() == content


def test_a_file_that_changes_while_it_is_decoded_is_not_stored(store_of, folder, tmp_path, monkeypatch):
    read = Samples._decoded

    def slow(self, index, **how):
        sample = read(self, index, **how)
        cv2.imwrite(str(self.samples[index].image), np.zeros((32, 32, 3), np.uint8))
        return sample

    monkeypatch.setattr(Samples, "_decoded", slow)
    store_of()[0]
    assert entries(tmp_path) == []


def test_a_full_disk_and_a_folder_that_is_a_file_cost_nothing_but_time(store_of, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("")
    samples = store_of(where=tmp_path / "file")
    assert all(samples[i][0].shape == (32, 32, 3) for i in range(10))
    told = "gets no more samples: it cannot be written (Not a directory); those without a place are decoded each time"
    assert capsys.readouterr().out == f"cache   {tmp_path / 'file'} {told}\n"
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("", (), {"free": sample_store.LEAST_FREE})())
    samples = store_of()
    assert all(samples[i][0].shape == (32, 32, 3) for i in range(10))
    out = capsys.readouterr().out
    assert (out.count("\n"), "less than 2 GiB of the disk would be left free" in out) == (1, True)
    assert entries(tmp_path) == []


def test_a_write_that_fails_leaves_nothing_behind(store_of, tmp_path, monkeypatch):
    def failing(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", failing)
    samples = store_of()
    assert samples[0][0].shape == (32, 32, 3)
    assert samples.store.problem.endswith("(No space left on device)")
    assert entries(tmp_path) == []


def test_what_a_killed_process_left_half_written_is_removed(store_of, tmp_path):
    folder = tmp_path / "kept" / "ab"
    folder.mkdir(parents=True)
    old, new, entry = (folder / name for name in (".cdef.12.34", ".cdef.12.35", "0123"))
    for path in (old, new, entry):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    os.utime(entry, (1, 1))
    store_of()[0]
    assert [path.exists() for path in (old, new, entry)] == [False, True, True]


def test_processes_and_threads_share_a_folder(store_of, folder, tmp_path):
    def work():
        samples = store_of()
        for index, sample in enumerate(folder.samples):
            assert (samples[index][0] == read_image(sample.image)).all()

    processes = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in processes + threads:
        one.start()
    for one in processes + threads:
        one.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(entries(tmp_path)) == 10
    assert not [path for path in entries(tmp_path) if path.name.startswith(".")]


def test_a_folder_as_an_image_is_not_stored(store_of, folder, tmp_path, monkeypatch):
    """A Zarr image is a folder, whose content has no single digest."""
    (tmp_path / "zarr").mkdir()
    decoded = (*(np.zeros((2, 2, 3), np.uint8),) * 2, (2, 2), None)
    monkeypatch.setattr(Samples, "_decoded", lambda self, index, **how: decoded)
    samples = store_of(samples=(replace(folder.samples[0], image=tmp_path / "zarr"),))
    assert samples[0][0].shape == (2, 2, 3)
    assert entries(tmp_path) == []


def test_a_process_that_is_not_forked_gets_a_copy(store_of, folder, tmp_path):
    memory = SampleMemory(2**20)
    kept = Samples(folder.samples, READER, folder.task, size=None, memory=memory, opened=OpenedImages(memory))
    for samples in (kept, store_of()):
        before = samples[0]
        copy = pickle.loads(pickle.dumps(samples))
        assert all((copy[i][0] == samples[i][0]).all() for i in range(10))
        assert all((one == other).all() for one, other in zip(copy[0], before, strict=True))
