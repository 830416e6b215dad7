"""The readers with their packages, on small files that the tests write. A package that is missing skips its tests."""

import json
import shutil

import numpy as np
import pytest
from support.microscope_files import write_czi, write_lif, write_nd2, write_zarr

from images.microscope import open_microscope
from images.reading import read_image
from system.errors import FileError

PACKAGES = {"czi": "pylibCZIrw", "nd2": "nd2", "lif": "liffile", "zarr": "zarr"}
RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 60000, (2, 3, 2, 20, 31), np.uint16)  # T, Z, C, Y, X
COLOURS = RNG.integers(0, 255, (20, 32, 3), np.uint8)


@pytest.fixture
def require(request):
    """Skips a test whose package is not installed."""

    def needs(name):
        why = f"the optional package {PACKAGES[name]} is not installed (requirements-formats.txt)"
        pytest.importorskip(PACKAGES[name], reason=why)

    return needs


def write_stack(kind, path):
    """Writes `STACK` with the channels DAPI and GFP."""
    names = ("DAPI", "GFP")
    if kind == "czi":
        axes = [(t, z, c) for t in range(2) for z in range(3) for c in range(2)]
        places = {((("T", t), ("Z", z), ("C", c)), 0, (0, 0)): STACK[t, z, c][..., None] for t, z, c in axes}
        write_czi(path, places, names=names)
    elif kind == "nd2":
        write_nd2(path, np.moveaxis(STACK, 2, -1), "TZYXC", names=names)
    elif kind == "lif":
        write_lif(path, {"series": ("TZCYX", STACK)})
    else:
        write_zarr(path, STACK, "tzcyx", names=names)
    return path


def write_colours(kind, path):
    """Writes `COLOURS` as RGB."""
    if kind == "czi":
        write_czi(path, {((), 0, (0, 0)): COLOURS})
    elif kind == "nd2":
        write_nd2(path, COLOURS, "YXC")
    elif kind == "lif":
        write_lif(path, {"series": ("YXS", COLOURS)})
    else:
        write_zarr(path, np.moveaxis(COLOURS, 2, 0), "cyx")
    return path


@pytest.mark.parametrize("kind", PACKAGES)
def test_every_plane_of_a_stack(require, tmp_path, kind):
    require(kind)
    path = write_stack(kind, tmp_path / f"x.{kind}")
    with open_microscope(path, max_pixels=1000) as volume:
        assert (volume.size, volume.lengths) == ((20, 31), {"T": 2, "Z": 3, "C": 2})
        assert volume.channel_names == (() if kind == "lif" else ("DAPI", "GFP"))
        for t in range(2):
            for z in range(3):
                plane = volume.read({"T": t, "Z": z})
                assert plane.dtype == np.uint16
                assert (plane == np.moveaxis(STACK[t, z], 0, -1)).all()
    with pytest.raises(FileError, match=r"a stack of 6 planes \(t 2, z 3\)"):
        read_image(path)
    with pytest.raises(FileError, match="at most 619 pixels"):
        open_microscope(path, max_pixels=619)


@pytest.mark.parametrize("kind", PACKAGES)
def test_colours_are_red_green_blue(require, tmp_path, kind):
    require(kind)
    assert (read_image(write_colours(kind, tmp_path / f"x.{kind}")) == COLOURS).all()


@pytest.mark.parametrize("kind", [kind for kind in PACKAGES if kind != "zarr"])
def test_a_truncated_file_is_refused(require, tmp_path, kind):
    require(kind)
    path = write_colours(kind, tmp_path / f"x.{kind}")
    content = path.read_bytes()
    for share in (0.05, 0.3, 0.6, 0.9):
        path.write_bytes(content[: int(len(content) * share)])
        with pytest.raises(FileError, match="x"):
            read_image(path)


def test_scenes_of_czi(require, tmp_path):
    require("czi")
    parts = [COLOURS[..., :1], COLOURS[..., 1:2]]
    write_czi(tmp_path / "x.czi", {((), 0, (0, 0)): parts[0], ((), 1, (100, 50)): parts[1]}, compression="zstd0:")
    with open_microscope(tmp_path / "x.czi", max_pixels=1000) as volume:
        assert volume.lengths == {"S": 2}
        assert all((volume.read({"S": scene}) == parts[scene]).all() for scene in (0, 1))
    write_czi(tmp_path / "y.czi", {((), 0, (0, 0)): parts[0], ((), 1, (100, 50)): parts[1][:9]})
    with pytest.raises(FileError, match="scenes of different sizes"):
        open_microscope(tmp_path / "y.czi", max_pixels=1000)


def test_tiles_of_czi_are_put_together(require, tmp_path):
    require("czi")
    tiles = {((), 0, (0, 0)): COLOURS[:, :12], ((), 0, (12, 0)): COLOURS[:, 12:]}
    write_czi(tmp_path / "x.czi", tiles)
    assert (read_image(tmp_path / "x.czi") == COLOURS).all()


def test_images_of_lif(require, tmp_path):
    require("lif")
    write_lif(tmp_path / "x.lif", {"a": ("YX", STACK[0, 0, 0]), "b": ("YX", STACK[1, 2, 1])})
    with open_microscope(tmp_path / "x.lif", max_pixels=1000) as volume:
        assert volume.lengths == {"S": 2}
        assert (volume.read({"S": 1})[..., 0] == STACK[1, 2, 1]).all()
    write_lif(tmp_path / "y.lif", {"a": ("YX", STACK[0, 0, 0]), "b": ("YX", STACK[0, 0, 0, :9])})
    with pytest.raises(FileError, match="images of different sizes"):
        open_microscope(tmp_path / "y.lif", max_pixels=1000)


def test_positions_of_nd2(require, tmp_path):
    require("nd2")
    array = RNG.integers(0, 99, (2, 3, 2, 8, 9, 2), np.uint16)
    write_nd2(tmp_path / "x.nd2", array, "TPZYXC", names=("a", "b"))
    with open_microscope(tmp_path / "x.nd2", max_pixels=1000) as volume:
        assert volume.lengths == {"T": 2, "P": 3, "Z": 2, "C": 2}
        for t, p, z in np.ndindex(2, 3, 2):
            assert (volume.read({"T": t, "P": p, "Z": z}) == array[t, p, z]).all()


@pytest.mark.parametrize("version", [2, 3])
def test_layouts_of_zarr(require, tmp_path, version):
    require("zarr")
    grey = STACK[0, 0, 0]
    write_zarr(tmp_path / "x.zarr", grey, "yx", version=version)
    assert (read_image(tmp_path / "x.zarr")[..., 0] == grey).all()
    write_zarr(tmp_path / "single.zarr" / "0", grey, "yx", version=version)  # as bioformats2raw arranges it
    (tmp_path / "single.zarr" / ".zgroup").write_text('{"zarr_format": 2}')
    assert (read_image(tmp_path / "single.zarr" / "0")[..., 0] == grey).all()


def test_several_images_in_one_zarr(require, tmp_path):
    require("zarr")
    root = tmp_path / "x.zarr"
    for number in range(2):
        write_zarr(root / str(number), STACK[0, 0, number], "yx")
        (root / ".zgroup").write_text('{"zarr_format": 2}')
        if number == 0:
            assert (read_image(root)[..., 0] == STACK[0, 0, 0]).all()
    with pytest.raises(FileError, match=r"2 images in one OME-Zarr; give its images as a pattern"):
        read_image(root)
    (root / ".zattrs").write_text('{"plate": {}}')
    with pytest.raises(FileError, match="a plate of several images"):
        read_image(root)


def damaged_zarr(root, damage):
    """Writes an image, and changes its files."""
    write_zarr(root, STACK[0, 0, 0], "yx")
    described, array = root / ".zattrs", root / "0" / ".zarray"
    attributes, stored = json.loads(described.read_text()), json.loads(array.read_text())
    scale = attributes["multiscales"][0]
    if damage == "pickle":
        stored["filters"] = [{"id": "pickle"}]
    elif damage == "codec":
        stored["filters"] = [{"id": "quantize", "digits": 1, "dtype": "<f4"}]
    elif damage == "objects":
        stored |= {"dtype": "|O", "filters": [{"id": "pickle"}], "fill_value": None}
    elif damage == "chunks":
        stored["chunks"] = [2**20, 2**20]
    elif damage == "shape":
        stored["shape"] = [2**20, 2**20]
    elif damage == "outside":
        shutil.copytree(root / "0", root.parent / "outside")
        scale["datasets"][0]["path"] = "../outside"
    elif damage == "axes":
        scale["axes"] = scale["axes"][:1]
    elif damage == "nothing":
        del attributes["multiscales"]
    elif damage == "chunk":
        for path in (root / "0").glob("[0-9]*"):
            path.write_bytes(path.read_bytes()[:20])
    elif damage == "text":
        return array.write_text("{")
    described.write_text(json.dumps(attributes))
    return array.write_text(json.dumps(stored))


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("none", None),
        ("pickle", "pickle"),
        ("codec", "codecs quantize"),
        ("objects", "no numbers|damaged"),
        ("chunks", "chunks of"),
        ("shape", r"1048576×1048576 pixels"),
        ("outside", "pixels at the path"),
        ("axes", "axes Y for an array"),
        ("nothing", "without the metadata of OME-Zarr"),
        ("chunk", "damaged OME-Zarr"),
        ("text", "damaged OME-Zarr"),
    ],
)
def test_damaged_and_hostile_zarr(require, tmp_path, damage, found):
    require("zarr")
    damaged_zarr(tmp_path / "x.zarr", damage)
    if found is None:  # the control
        assert (read_image(tmp_path / "x.zarr")[..., 0] == STACK[0, 0, 0]).all()
        return
    with pytest.raises(FileError, match=found):
        read_image(tmp_path / "x.zarr")


def test_a_lif_that_claims_more_pixels_than_it_has(require, tmp_path):
    require("lif")
    path = write_lif(tmp_path / "x.lif", {"a": ("YX", STACK[0, 0, 0])})
    open_microscope(path, max_pixels=10**4).close()
    rows = [f'NumberOfElements="{number}"'.encode("utf-16-le") for number in (20, 21)]
    assert path.read_bytes().count(rows[0]) == 1
    path.write_bytes(path.read_bytes().replace(*rows))
    with pytest.raises(FileError, match=f"{21 * 31 * 2} bytes of pixels in a block of {20 * 31 * 2}"):
        open_microscope(path, max_pixels=10**4)


@pytest.mark.parametrize("version", ["2.18.7", "3.0.0", "10.1"])
def test_the_version_of_zarr(require, tmp_path, monkeypatch, version):
    require("zarr")
    path = write_zarr(tmp_path / "x.zarr", COLOURS[..., 0], "yx")
    monkeypatch.setattr("zarr.__version__", version)
    if version.startswith("2"):
        with pytest.raises(FileError, match=r"needs zarr 3; 2\.18\.7 is installed"):
            open_microscope(path, max_pixels=10**4)
    else:
        open_microscope(path, max_pixels=10**4).close()
