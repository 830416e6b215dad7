"""Named pipes, sockets and devices in place of files are refused at once. To open one could wait or read for ever."""

import os
import signal
import socket
import sys

import pytest
import torch

from datasets.check.folder import check
from datasets.folder.description import read_description
from datasets.prepare.archive import open_archive
from datasets.split import read_split
from engine.runs.checkpoint_file import load_checkpoint
from engine.runs.starting_weights import load_weights
from engine.schema.config_file import load_config
from images.image_reader import ImageReader
from images.reading import read_image, read_mask
from images.regions import open_rows
from inference.cells.decode_file import read_decoding
from system.errors import ReportedError
from system.yaml_file import read_yaml

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes named pipes, sockets and links to devices")

READER = ImageReader(channels=3)
DOORS = {
    "image": ("a.png", read_image),
    "mask": ("a.png", read_mask),
    "large image": ("a.tif", lambda path: open_rows(path, READER)),
    "checkpoint": ("last.pth", load_checkpoint),
    "weights": ("w.pth", lambda path: load_weights(torch.nn.Conv2d(1, 1, 1), path)),
    "configuration": ("c.yaml", load_config),
    "dataset.yaml": ("dataset.yaml", lambda path: read_description(path.parent)),
    "decode.yaml": ("decode.yaml", lambda path: read_decoding(path, ("watershed",))),
    "split": ("split.csv", lambda path: read_split(path, ["a"])),
    "archive": ("a.zip", open_archive),
}


def pipe(path):
    os.mkfifo(path)


def link_to_pipe(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def listening(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def device(path):
    path.symlink_to("/dev/zero")


KINDS = {
    "named pipe": (pipe, "a named pipe"),
    "link to a named pipe": (link_to_pipe, "a named pipe"),
    "socket": (listening, "a socket"),
    "device": (device, "a device"),
}


@pytest.fixture
def at_once():
    """Ends what takes longer than two seconds, which is either waiting or reading for ever."""

    def late(number, frame):
        raise AssertionError("it was opened, and waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(2)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("door", DOORS)
def test_it_is_refused_with_its_name_and_kind(door, kind, tmp_path, monkeypatch, at_once):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    name, work = DOORS[door]
    make, told = KINDS[kind]
    path = tmp_path / name
    make(path.relative_to(tmp_path))
    with pytest.raises(ReportedError, match=f"{name}.*{told}, not a file"):
        work(path)


def test_a_check_of_a_data_folder_names_each(small_set, tell, at_once):
    for folder in ("images", "masks/nucleus"):
        os.mkfifo(small_set / folder / "pipe.png")
    os.mkfifo(small_set / "dataset.yaml")
    found = {one.files[0]: one.found for one in check(small_set).problems}
    for file in ("images/pipe.png", "masks/nucleus/pipe.png", "dataset.yaml"):
        assert "a named pipe, not a file" in found[file]
    tell("pipes, sockets and devices in place of files", len(DOORS) * len(KINDS), "refused at once")


def test_a_file_and_a_link_to_a_file_are_read(tmp_path, at_once):
    """The control."""
    (tmp_path / "a.yaml").write_text("a: 1")
    (tmp_path / "b.yaml").symlink_to("a.yaml")
    assert read_yaml(tmp_path / "a.yaml") == read_yaml(tmp_path / "b.yaml") == {"a": 1}
