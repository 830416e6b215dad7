"""Memory for decoded samples: its limit, who shares it, and the images that wait in it for their reader."""

import multiprocessing

import numpy as np
import pytest

from datasets.folder.data_folder import list_folder
from datasets.sample_memory import OpenedImages, SampleMemory
from datasets.samples import Samples
from images.image_reader import ImageReader
from images.reading import read_image, read_mask
from tasks.binary import Binary

READER = ImageReader()


@pytest.fixture
def folder(small_set):
    return list_folder(small_set, Binary)


def test_what_a_forked_process_decodes_the_others_have(folder, monkeypatch):
    samples = Samples(folder.samples, READER, folder.task, size=None, memory=SampleMemory(2**20))
    decoded, read = [], Samples._decoded
    monkeypatch.setattr(Samples, "_decoded", lambda self, index: decoded.append(index) or read(self, index))
    samples.expect(np.full((10, 2), 32), 1)
    process = multiprocessing.get_context("fork").Process(target=lambda: [samples[i] for i in range(9)])
    process.start()
    process.join()
    for index, sample in enumerate(folder.samples):
        assert (samples[index][0] == read_image(sample.image)).all()
        assert (samples[index][1][..., 0] == read_mask(sample.truth[0])).all()
    assert decoded == [9]


def test_memory_is_given_out_up_to_its_limit():
    memory = SampleMemory(100)
    rooms = [memory.room(40), memory.room(40)]
    assert memory.room(40) is None
    assert memory.room(20).shape == (20,)
    for number, room in enumerate(rooms):
        assert not room.any()
        room[:] = number + 1
    assert rooms[0].tolist() == [1] * 40
    assert not memory.take(1)
    memory.give_back(30)
    assert memory.take(30)


def test_a_large_room_has_a_piece_of_its_own(monkeypatch):
    monkeypatch.setattr("datasets.sample_memory.PIECE", 64)
    memory = SampleMemory(10_000)
    sizes = [1, 60, 10, 5000, 54, 3]
    rooms = [memory.room(size) for size in sizes]
    for number, room in enumerate(rooms):
        room[:] = number
    assert [set(room.tolist()) for room in rooms] == [{number} for number in range(6)]
    assert [len(room) for room in rooms] == sizes


def test_opened_images_are_kept_while_they_fit_and_given_out_once(folder, monkeypatch):
    paths = [sample.image for sample in folder.samples]
    opened, read = OpenedImages(memory := SampleMemory(2 * 32 * 32 * 3)), []
    decode = ImageReader.any_channels
    monkeypatch.setattr(ImageReader, "any_channels", lambda self, path: read.append(path) or decode(self, path))
    for _ in range(2):
        assert all(opened.open(READER, path).shape == (32, 32, 3) for path in paths[:3])
    assert read == [*paths[:3], paths[2]]  # the third does not fit
    assert all((opened.take(READER, path) == read_image(path)).all() for path in paths[:3])
    assert (read[4:], memory.used) == ([paths[2]], 0)
    opened.take(READER, paths[0])
    assert read[5:] == [paths[0]]
