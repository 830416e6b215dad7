"""Our side of the microscope formats: the table, the limits, and what becomes of errors. No package is needed."""

import os
import sys
import types

import numpy as np
import pytest

from images import microscope
from images.formats.headers import Refusal
from images.microscope import EXTENSIONS, FORMATS, UNREAD, Format, is_microscope, open_microscope
from images.microscope.stored import StoredVolume
from images.planes import Selection, select
from images.reading import read_image
from system.errors import FileError

STARTS = {".czi": b"ZISRAWFILE", ".nd2": b"\xda\xce\xbe\x0a", ".lif": b"\x70\0\0\0\x99\x01\0\0\x2a"}


class Planes(StoredVolume):
    """A volume in memory, in the place of a package."""

    def __init__(self, array, axes="YXC", names=(), dtype=None):
        lengths = dict(zip(axes, array.shape, strict=True))
        self.array, self.axes, self.closed = array, axes, False
        self.size = lengths.pop("Y"), lengths.pop("X")
        self.lengths = {axis: length for axis, length in lengths.items() if length != 1}
        self.channel_names, self.dtype = names, np.dtype(dtype or array.dtype)

    def read(self, index):
        return self.array[tuple(index.get(axis, slice(None)) for axis in self.axes)]

    def close(self):
        self.closed = True


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Returns a function that opens a file for which a package gives this volume."""
    path = tmp_path / "x.test"
    path.write_bytes(b"TEST and more")

    def open_as(volume, max_pixels=10**4):
        def open_file(path, most):
            if isinstance(volume, BaseException):
                raise volume
            return volume

        monkeypatch.setitem(sys.modules, "fake_reader", types.SimpleNamespace(open_file=open_file))
        monkeypatch.setitem(FORMATS, ".test", Format("Test", "test>=1", "fake_reader", b"TEST"))
        return open_microscope(path, max_pixels=max_pixels)

    return open_as


def stack(*shape, dtype=np.uint16):
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


def test_planes_are_chosen_by_their_axes(opened):
    array = stack(2, 3, 4, 5, 2)
    with opened(Planes(array, "TZYXC", ("a", "b"))) as volume:
        assert (volume.size, volume.lengths, volume.stacked) == ((4, 5), {"T": 2, "Z": 3, "C": 2}, {"T": 2, "Z": 3})
        assert volume.channel_names == ("a", "b")
        assert (volume.read({"T": 1, "Z": 2}) == array[1, 2]).all()
        assert volume.read({"T": 1, "Z": 2}).dtype == np.uint16
        for wrong in ({}, {"T": 0}, {"T": 2, "Z": 0}, {"T": 0, "Z": -1}, {"T": 0, "Z": 0, "C": 0}):
            with pytest.raises(ValueError, match="for the axes"):
                volume.read(wrong)


def test_the_file_is_closed(opened):
    inner = Planes(stack(4, 5, 1))
    with opened(inner):
        assert not inner.closed
    assert inner.closed
    inner = Planes(stack(400, 500, 1))
    with pytest.raises(FileError):
        opened(inner)
    assert inner.closed


@pytest.mark.parametrize(
    ("volume", "found"),
    [
        (Planes(stack(101, 100, 1)), "101×100 pixels"),
        (Planes(stack(0, 5, 1)), "without pixels"),
        (Planes(np.zeros((0, 4, 5, 1)), "ZYXC"), "axes of the lengths"),
        (Planes(np.zeros((100, 100, 33), np.uint8)), "planes of 330000 bytes"),
        (Planes(np.zeros((4, 5, 1), complex)), "complex128 pixels"),
        (Planes(np.zeros((4, 5, 1), object)), "object pixels"),
        (KeyError("Dimensions"), "damaged Test (KeyError: 'Dimensions')"),
        (RecursionError("too deep"), "damaged Test (RecursionError: too deep)"),
    ],
)
def test_what_is_refused_before_a_plane_is_read(opened, volume, found):
    with pytest.raises(FileError) as caught:
        opened(volume)
    assert found in str(caught.value)
    assert "x.test" in str(caught.value)


def test_as_many_bytes_as_are_allowed(opened):
    assert opened(Planes(np.zeros((100, 100, 32), np.uint8))).channels == 32


def plane_of(volume):
    try:
        return volume.read({})
    except microscope.Refusal as refusal:
        return str(refusal)


def test_planes_are_checked(opened):
    short = Planes(stack(4, 5, 1))
    short.array = stack(3, 5, 1)
    assert "a plane of (3, 5, 1)" in plane_of(opened(short))
    holed = stack(4, 5, 1, dtype=np.float32)
    holed[1, 2] = np.nan
    assert "1 of 20 values are not finite" in plane_of(opened(Planes(holed)))
    broken = Planes(stack(4, 5, 1))
    broken.array = None
    assert "damaged Test (TypeError" in plane_of(opened(broken))
    assert plane_of(opened(Planes(stack(4, 5, 1, dtype=np.float64)))).dtype == np.float32


def test_a_full_memory_is_damage_only_before_pixels_are_read(opened, monkeypatch):
    with pytest.raises(FileError, match="more memory than there is"):
        opened(MemoryError())

    def full(index):
        raise MemoryError

    planes = Planes(stack(4, 5, 1))
    planes.read = full
    with pytest.raises(MemoryError):
        opened(planes).read({})


@pytest.mark.parametrize(("extension", "start"), STARTS.items())
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, extension, start):
    path = tmp_path / f"x{extension.upper()}"
    path.write_bytes(start + bytes(100))
    kind = FORMATS[extension]
    monkeypatch.setitem(sys.modules, kind.module, None)  # which makes the import fail
    with pytest.raises(FileError, match="needs the package") as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: {kind.name}, which needs the package {kind.package}")
    assert f'python -m pip install "{kind.package}"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_zarr(tmp_path, monkeypatch):
    (tmp_path / "x.zarr").mkdir()
    monkeypatch.setitem(sys.modules, "zarr", None)
    monkeypatch.delitem(sys.modules, "images.microscope.ome_zarr", raising=False)
    with pytest.raises(FileError, match="OME-Zarr, which needs the package zarr>=3"):
        read_image(tmp_path / "x.zarr")


def test_a_package_that_cannot_be_imported(tmp_path, monkeypatch):
    (tmp_path / "broken_reader.py").write_text("raise ImportError('libX.so: not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(FORMATS, ".czi", Format("Zeiss CZI", "pylibCZIrw", "broken_reader", b"ZISRAWFILE"))
    (tmp_path / "x.czi").write_bytes(STARTS[".czi"])
    with pytest.raises(FileError, match=r"cannot be imported \(libX.so: not found\)"):
        read_image(tmp_path / "x.czi")


@pytest.mark.parametrize("extension", STARTS)
@pytest.mark.parametrize("content", [b"", b"<?xml version='1.0'?>", b"\x89PNG\r\n\x1a\n"])
def test_other_content_reaches_no_package(tmp_path, monkeypatch, extension, content):
    monkeypatch.setitem(sys.modules, FORMATS[extension].module, None)
    (tmp_path / f"x{extension}").write_bytes(content)
    with pytest.raises(FileError, match="it does not begin as such a file does") as caught:
        read_image(tmp_path / f"x{extension}")
    assert caught.value.kind == "unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_named_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "x.czi")
    with pytest.raises(FileError, match="a named pipe"):
        read_image(tmp_path / "x.czi")


@pytest.mark.parametrize("extension", UNREAD)
def test_formats_that_are_not_read(tmp_path, extension):
    (tmp_path / f"x{extension}").write_bytes(b"II*\0")
    with pytest.raises(FileError, match="a format that is not read; convert it to OME-TIFF"):
        read_image(tmp_path / f"x{extension}")


def test_of_several_planes_one_must_be_chosen(opened):
    with opened(Planes(stack(3, 4, 5, 2), "ZYXC")) as volume:
        with pytest.raises(Refusal, match=r"a stack of 3 planes \(z 3\); choose with data\.plane"):
            select(volume, Selection(), max_pixels=100)
        assert np.array_equal(select(volume, Selection(plane="z=1"), max_pixels=100), stack(3, 4, 5, 2)[1])


def test_what_counts_as_microscope(tmp_path):
    assert set(EXTENSIONS) == {".czi", ".nd2", ".lif", *UNREAD}
    (tmp_path / "plain").mkdir()
    (tmp_path / "x.zarr").mkdir()
    (tmp_path / "field").mkdir()
    (tmp_path / "field" / "zarr.json").write_text("{}")
    found = [name for name in ("a.CZI", "a.tif", "plain", "x.zarr", "field") if is_microscope(tmp_path / name)]
    assert found == ["a.CZI", "x.zarr", "field"]


class FakeNd2:
    """The interface of the package nd2, as far as it is used: two channels, three positions, two depths."""

    def __init__(self, path):
        self.sizes = {"P": 3, "Z": 2, "C": 2, "Y": 4, "X": 5}
        self.frames = stack(6, 2, 4, 5)  # each frame is [C, Y, X]
        self.dtype, self.components_per_channel = self.frames.dtype, 1
        self.attributes = types.SimpleNamespace(channelCount=2)
        named = [types.SimpleNamespace(channel=types.SimpleNamespace(name=name)) for name in ("DAPI", "GFP")]
        self.metadata = types.SimpleNamespace(channels=named)

    def read_frame(self, number):
        return self.frames[number]

    def close(self):
        pass


def test_frames_of_nd2_become_planes(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nd2", types.SimpleNamespace(ND2File=FakeNd2))
    monkeypatch.delitem(sys.modules, "images.microscope.nikon", raising=False)
    (tmp_path / "x.nd2").write_bytes(STARTS[".nd2"])
    with open_microscope(tmp_path / "x.nd2", max_pixels=100) as volume:
        assert (volume.lengths, volume.channel_names) == ({"P": 3, "Z": 2, "C": 2}, ("DAPI", "GFP"))
        plane = volume.read({"P": 2, "Z": 1})
    assert (plane == np.moveaxis(FakeNd2("").frames[5], 0, 2)).all()
    sys.modules.pop("images.microscope.nikon")
