"""What inputs name: which files are images, which ids they get, and what is refused or counted as skipped."""

import errno
import os
import sys
from pathlib import Path

import pytest

from inference.files.inputs import find_images
from system.errors import ConfigError

PLATE = ("A01/i0.png", "A01/deep/i1.TIF", "B01/i0.png", "overview.jpg")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A plate in the working directory, so that inputs can be relative."""
    for name in PLATE:
        write(tmp_path / "plate" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "plate"


def write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def ids(*inputs, out="out"):
    """Returns {id: path} of the images, with forward slashes."""
    found = find_images([str(text) for text in inputs], Path(out))
    assert [image.id for image in found.images] == sorted(image.id for image in found.images)
    assert found.refused == ()
    return {image.id: image.path.as_posix() for image in found.images}


EVERYTHING = {
    "A01/deep/i1": "plate/A01/deep/i1.TIF",
    "A01/i0": "plate/A01/i0.png",
    "B01/i0": "plate/B01/i0.png",
    "overview": "plate/overview.jpg",
}


@pytest.mark.parametrize("text", ["plate", "plate/", "./plate", "plate/*", "plate/**", "plate/**/*.*"])
def test_an_id_is_the_path_below_the_input_folder(root, text):
    assert ids(text) == EVERYTHING


def test_other_ways_to_the_same_folder(root, monkeypatch):
    assert list(ids(root)) == list(EVERYTHING)
    assert list(ids("plate/A01/..")) == list(EVERYTHING)
    monkeypatch.chdir(root)
    assert list(ids(".")) == list(EVERYTHING)
    assert list(ids("*")) == list(EVERYTHING)
    monkeypatch.chdir(root / "A01")
    assert list(ids("..")) == list(EVERYTHING)
    assert list(ids("../*")) == list(EVERYTHING)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plate/A01/i0.png", ["i0"]),
        ("plate/?01/*.png", ["A01/i0", "B01/i0"]),
        ("plate/A01/*.png", ["i0"]),
        ("plate/A*", ["A01/deep/i1", "A01/i0"]),
        ("pl*/A01/*.png", ["plate/A01/i0"]),
    ],
)
def test_ids_of_files_and_patterns(root, text, expected):
    assert list(ids(text)) == expected


def test_ids_do_not_depend_on_other_files(root):
    before = ids("plate")
    write(root / "C01/i0.png")
    assert ids("plate") == before | {"C01/i0": "plate/C01/i0.png"}


def test_a_file_of_several_inputs_is_one_image(root):
    assert ids("plate", "plate/A01", root, "plate/A01/i0.png", "plate/*/*.png") == EVERYTHING
    assert ids("plate/A01", "plate") == {"i0": "plate/A01/i0.png", "deep/i1": "plate/A01/deep/i1.TIF"} | {
        name: EVERYTHING[name] for name in ("B01/i0", "overview")
    }


def test_results_and_hidden_files_are_no_input(root):
    for name in ("out/masks/x.png", ".cache/x.png", "A01/.i9.png", ".DS_Store", "A01/desktop.ini", "Thumbs.db"):
        write(root / name)
    found = find_images(["plate", "plate/**"], root / "out")
    assert [image.id for image in found.images] == list(EVERYTHING)
    assert found.skipped == ()
    assert len(ids("plate", out="elsewhere")) == len(EVERYTHING) + 1  # the control
    with pytest.raises(ConfigError, match="no images there"):
        find_images(["plate/out"], root / "out")
    with pytest.raises(ConfigError, match="no images there"):
        find_images(["plate/out/masks/x.png"], root / "out")


def test_what_is_no_image_is_counted(root):
    for name in ("notes.txt", "A01/a.csv", "B01/b"):
        write(root / name)
    found = find_images(["plate", "plate/*"], root / "out")
    assert found.skipped_line() == "skipped 3 files that are no images: a.csv, b, notes.txt"
    for number in range(20):
        write(root / f"x{number:02d}.txt")
    line = find_images(["plate"], root / "out").skipped_line()
    assert line.startswith("skipped 23 files that are no images: a.csv, b, notes.txt, x00.txt")
    assert line.endswith("x06.txt, … (13 more)")


def test_microscope_formats_are_images(root):
    for name in ("A01/stack.CZI", "B01/old.oib", "x.ome.zarr/0/c/0/0", "fields/0/zarr.json", "fields/0/c/0"):
        write(root / name)
    expected = sorted([*EVERYTHING, "A01/stack", "B01/old", "fields/0", "x.ome"])
    found = find_images(["plate"], root / "out")
    assert [image.id for image in found.images] == expected
    assert found.skipped == ()  # what lies in a Zarr is no file of its own
    assert list(ids("plate/x.ome.zarr")) == ["x.ome"]
    assert ids("plate/fields/*") == {"0": "plate/fields/0"}


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights in Windows")
def test_links(root):
    (root / "link.png").symlink_to(root / "A01/i0.png")
    (root / "wells").symlink_to(root, target_is_directory=True)  # would never end if it were followed
    found = find_images(["plate"], root / "out")
    assert [image.id for image in found.images] == sorted([*EVERYTHING, "link"])
    assert [path.name for path in found.skipped] == ["wells"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("missing/", "does not exist"),
        ("plate/missing.png", "does not exist"),
        ("missing/*.png", "no file matches this pattern"),
        ("plate/*/../i0.png", "'..' stands behind a wildcard"),
        ("empty", "no images there"),
        ("texts", "no images there.*files there that are no images: 2"),
        ("texts/a.txt", "no images there"),
    ],
)
def test_inputs_without_images(root, text, problem):
    (root.parent / "empty").mkdir()
    write(root.parent / "texts/a.txt")
    write(root.parent / "texts/b.txt")
    with pytest.raises(ConfigError, match=problem) as caught:
        ids("plate", text)
    assert f"--input {text}" in str(caught.value)


@pytest.mark.parametrize(
    "inputs",
    [("plate/A01", "plate/B01"), ("plate/A01/i0.png", "plate/B01/i0.png"), ("plate/same",), ("plate/same/*",)],
)
def test_images_of_the_same_id_are_refused(root, inputs):
    if "same" in inputs[0]:
        names = [write(root / "same/i0.png"), write(root / "same/i0.tif")]
    else:
        names = [root / "A01/i0.png", root / "B01/i0.png"]
    with pytest.raises(ConfigError, match="give the folder above them") as caught:
        ids(*inputs)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(name.relative_to(root).as_posix() in lines[1] for name in names)


def test_a_result_never_stands_where_a_folder_is_needed(root):
    write(root / "stack.png/i0.png")
    assert "stack.png/i0" in ids("plate")  # the control: such a folder alone is fine
    write(root / "stack.tif")
    with pytest.raises(ConfigError, match=r"stack\.tif would have a result stack\.png"):
        ids("plate")


def test_a_folder_that_cannot_be_searched_is_named(root, monkeypatch):
    def scandir(path, scan=os.scandir):  # rights do not hold for root, so a chmod would not do
        if Path(path).name == "B01":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = find_images(["plate"], root / "out")
    assert [str(error) for error in found.refused] == [
        "plate/B01: this folder cannot be searched (Permission denied); check its permissions"
    ]
    assert [image.id for image in found.images] == [name for name in EVERYTHING if name != "B01/i0"]


def test_masks_beside_their_images_are_not_predicted(root):
    for name in ("A01/i0_cp_masks.png", "B01/i0_cp_masks.png"):
        write(root / name)
    assert ids("plate") == EVERYTHING
    found = find_images(["plate"], Path("out"))
    assert {path.name for path in found.truth} == {"i0_cp_masks.png"}
    assert found.truth_line() == "skipped 2 masks or label maps of other images, such as i0_cp_masks.png"
    assert list(ids("plate/A01/i0_cp_masks.png")) == ["i0_cp_masks"]  # asked for by itself
    (root / "A01/i0.png").unlink()
    assert "A01/i0_cp_masks" in ids("plate")  # a mask of no image there


def test_what_cellpose_wrote_beside_an_image_is_skipped(root):
    skipped = {path.name for path in find_images(["plate"], Path("out")).skipped}
    for name in ("A01/i0_flows.tif", "A01/i0_cp_output.png"):
        write(root / name)
    found = find_images(["plate"], Path("out"))
    assert [image.id for image in found.images] == list(EVERYTHING)
    assert {path.name for path in found.skipped} - skipped == {"i0_flows.tif", "i0_cp_output.png"}
