"""A folder of another layout is looked at one level up and one level down, and the message says what to do."""

import shutil

import cv2
import numpy as np
import pytest

from datasets.folder.layouts import LAYOUT, is_data_folder
from datasets.folder.listing import list_files


def drawn(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(file), np.zeros((4, 4), np.uint8))


def problem_of(root):
    """The only problem of a folder, as a training words it."""
    (problem,) = list_files(root).problems
    return str(problem.as_error(root))


def test_images_in_the_folder_itself(tmp_path):
    drawn(tmp_path / "a.tif", tmp_path / "b.tif")
    told = f"{tmp_path}: 2 images lie in the folder itself, without masks or label maps; arrange the files as {LAYOUT}"
    assert problem_of(tmp_path) == told
    drawn(tmp_path / "masks" / "a.tif", tmp_path / "masks" / "b.tif")
    first = next(one for one in list_files(tmp_path).problems if one.kind == "layout")
    assert (first.files, "but 2 images lie in the folder itself" in first.found) == (("images",), True)
    assert first.fix.startswith("move them into images/; or arrange")


@pytest.mark.parametrize("name", ["images", "masks"])
def test_one_level_too_deep(small_set, name):
    root = small_set / name
    if name == "masks":
        shutil.move(small_set / "masks" / "nucleus", small_set / "flat")
        (small_set / "masks").rmdir()
        shutil.move(small_set / "flat", root)
    told = problem_of(root)
    assert told.startswith(f"{root}: 10 images lie in the folder itself")
    assert f"did you mean {small_set}? Or arrange" in told


@pytest.mark.parametrize("count", [1, 2, 5])
def test_one_level_too_high(tmp_path, count):
    for number in range(count):
        drawn(tmp_path / f"exp{number}" / "images" / "a.png", tmp_path / f"exp{number}" / "masks" / "a.png")
    (tmp_path / "notes").mkdir()
    told = problem_of(tmp_path)
    assert f"did you mean {'' if count == 1 else 'one of '}{tmp_path / 'exp0'}" in told
    assert ("exp2" in told, "exp3" in told, ", …?" in told) == (count > 2, False, count > 3)
    assert "notes" not in told


def test_images_beside_their_masks_are_a_data_folder_too(tmp_path):
    drawn(tmp_path / "set" / "a.tif", tmp_path / "set" / "a_masks.tif")
    assert is_data_folder(tmp_path / "set")
    assert f"did you mean {tmp_path / 'set'}?" in problem_of(tmp_path)
    drawn(tmp_path / "photos" / "a.tif")
    assert not is_data_folder(tmp_path / "photos")


def test_folders_of_other_names(tmp_path):
    drawn(tmp_path / "Images" / "a.png", tmp_path / "mask" / "a.png")
    assert "rename Images to images and mask to masks; or arrange" in problem_of(tmp_path)
    (tmp_path / "Images").rename(tmp_path / "images")
    masks = list_files(tmp_path).problems[0]
    assert (masks.found, masks.fix.startswith("rename mask to masks; or")) == ("no masks", True)


def test_nothing_is_there(tmp_path):
    told = problem_of(tmp_path)
    assert told.startswith(f"{tmp_path}: no images (.png, ")
    assert told.endswith(f", neither in images/ nor in itself; arrange the files as {LAYOUT}")
