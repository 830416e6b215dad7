"""Data folders: what is listed, and every way in which one can be wrong."""

import shutil

import cv2
import numpy as np
import pytest
from conftest import write_set

from datasets.check.folder import check
from datasets.folder.data_folder import list_folder, read_sample
from datasets.split import SplitRule, read_split, split_to_csv
from datasets.survey import load_training_data
from images.image_reader import ImageReader
from system.errors import DataError
from tasks.binary import Binary
from tasks.border import Border
from tasks.multilabel import Multilabel


def load(root, **changes):
    arguments = {
        "task_type": Binary,
        "size": (32, 32),
        "normalise": "dataset",
        "rule": SplitRule(val_fraction=0.2, seed=0),
    }
    return load_training_data(root, **arguments | changes)


def test_samples_are_sorted_and_complete(small_set):
    folder = list_folder(small_set, Binary)
    assert folder.task.classes == ("nucleus",)
    assert [sample.id for sample in folder.samples] == [f"cell_{i:02d}" for i in range(10)]
    image, masks = read_sample(folder.samples[0], ImageReader(), folder.task.truth)
    assert (image.shape, masks.shape, masks.dtype) == ((32, 32, 3), (32, 32, 1), np.uint8)
    assert set(np.unique(masks)) == {0, 1}


def test_the_order_of_classes_is_that_of_the_description(tmp_path):
    root = write_set(tmp_path / "two", classes=("b", "a"))
    assert list_folder(root, Multilabel).task.classes == ("a", "b")
    (root / "dataset.yaml").write_text("classes: [b, a]\n")
    assert list_folder(root, Multilabel).task.classes == ("b", "a")
    (root / "dataset.yaml").write_text("classes: [b, c]\n")
    with pytest.raises(DataError, match="classes b, c, but masks/ holds a, b"):
        list_folder(root, Multilabel)


def test_masks_may_lie_flat_for_one_class(small_set):
    for path in (small_set / "masks" / "nucleus").iterdir():
        path.rename(small_set / "masks" / path.name)
    (small_set / "masks" / "nucleus").rmdir()
    folder = list_folder(small_set, Binary)
    assert folder.task.classes == ("foreground",)
    assert folder.samples[3].truth == (small_set / "masks" / "cell_03.png",)
    (small_set / "dataset.yaml").write_text("classes: [cell]\n")
    assert list_folder(small_set, Binary).task.classes == ("cell",)
    (small_set / "masks" / "other").mkdir()
    with pytest.raises(DataError, match="class folders and also files"):
        list_folder(small_set, Binary)


def test_a_missing_file_is_an_empty_mask_where_there_are_several_classes(tmp_path):
    root = write_set(tmp_path / "two", classes=("a", "b"))
    (root / "masks" / "b" / "cell_00.png").unlink()
    folder = list_folder(root, Multilabel)
    sample = folder.samples[0]
    assert sample.truth == (root / "masks" / "a" / "cell_00.png", None)
    _, masks = read_sample(sample, ImageReader(), folder.task.truth)
    assert masks[..., 0].any()
    assert not masks[..., 1].any()


def test_several_classes_need_another_task(tmp_path):
    with pytest.raises(DataError, match=r"2 classes \(a, b\); set task: multilabel"):
        list_folder(write_set(tmp_path / "two", classes=("a", "b")), Binary)


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        list_folder(tmp_path / "none", Binary)
    (tmp_path / "set" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"images: no images \(\.png"):
        list_folder(tmp_path / "set", Binary)
    (tmp_path / "set" / "images" / "a.png").touch()
    with pytest.raises(DataError, match="masks: no masks"):
        list_folder(tmp_path / "set", Binary)


def test_images_without_mask_and_equal_stems_come_at_once(small_set):
    (small_set / "masks" / "nucleus" / "cell_03.png").unlink()
    (small_set / "images" / "cell_05.JPG").touch()
    with pytest.raises(DataError) as caught:
        list_folder(small_set, Binary)
    assert "2 problems" in str(caught.value)
    assert "cell_03.png: no mask" in str(caught.value)
    assert "cell_05.png: 2 files of the same stem cell_05" in str(caught.value)


def test_problems_of_the_listing_and_of_the_reading_come_at_once(small_set):
    masks = small_set / "masks" / "nucleus"
    (masks / "cell_03.png").unlink()  # its image is read all the same:
    (small_set / "images" / "cell_03.png").write_bytes(b"")
    (small_set / "images" / "cell_05.JPG").touch()
    (small_set / "images" / "cell_01.png").write_bytes(b"none")
    cv2.imwrite(str(masks / "cell_02.png"), np.zeros((30, 32), np.uint8))
    with pytest.raises(DataError) as caught:
        load(small_set)
    assert "5 problems" in str(caught.value)
    for told in (
        "cell_03.png: no mask",
        "cell_03.png: not a readable image (0 bytes)",
        "cell_05.png: 2 files of the same stem cell_05",
        "cell_01.png: not a readable image",
        "cell_02.png: 30×32 pixels, but",
    ):
        assert told in str(caught.value)


def test_ids_with_commas_and_quotes_survive_the_split_file(tmp_path):
    split = {"cell 3, day 2": "train", 'the "good" one': "val"}
    (tmp_path / "split.csv").write_text(split_to_csv(split), encoding="utf-8")
    assert read_split(tmp_path / "split.csv", list(split)) == split


def test_unreadable_images_and_masks_of_another_size_come_at_once(small_set):
    (small_set / "images" / "cell_01.png").write_bytes(b"none")
    cv2.imwrite(str(small_set / "masks" / "nucleus" / "cell_02.png"), np.zeros((30, 32), np.uint8))
    with pytest.raises(DataError) as caught:
        load(small_set)
    assert "2 problems" in str(caught.value)
    assert "cell_01.png: not a readable image" in str(caught.value)
    assert "cell_02.png: 30×32 pixels, but" in str(caught.value)


@pytest.mark.parametrize("intensity", ["native", "run"])
def test_unreadable_grey_images_come_at_once(small_set, intensity):
    for path in sorted((small_set / "images").iterdir()):  # grey, so that every image is looked at for colour
        cv2.imwrite(str(path), cv2.imread(str(path), 0))
    broken = sorted((small_set / "images").iterdir())[:9]
    for path in broken:
        path.write_bytes(b"none")
    with pytest.raises(DataError, match="9 problems") as caught:
        load(small_set, intensity=intensity)
    assert all(path.name in str(caught.value) for path in broken)


def test_what_was_found_is_told(small_set):
    data = load(small_set)
    share = np.mean([cv2.imread(str(p), 0).mean() / 255 for p in (small_set / "masks" / "nucleus").iterdir()])
    assert data.description == f"10 images, read as RGB, 32×32 pixels; foreground: nucleus {share:.1%} of all pixels"
    assert (len(data.train), len(data.val)) == (8, 2)
    assert "32×32 to 40×32" in load(mixed(small_set)).description


def test_the_share_of_foreground_is_that_of_all_pixels_together_as_in_the_check(small_set):
    large, empty = np.zeros((96, 96, 3), np.uint8), np.zeros((96, 96), np.uint8)
    cv2.imwrite(str(small_set / "images" / "large.png"), large + np.arange(96, dtype=np.uint8)[:, None, None])
    cv2.imwrite(str(small_set / "masks" / "nucleus" / "large.png"), empty)
    masks = [cv2.imread(str(path), 0) > 0 for path in (small_set / "masks" / "nucleus").iterdir()]
    share = sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)
    assert f"nucleus {share:.1%} of all pixels" in load(small_set, size=None).description
    assert f"with foreground: {share:.1%} of all pixels" in check(small_set).text()
    assert f"{share:.1%}" != f"{np.mean([mask.mean() for mask in masks]):.1%}"  # the control


def mixed(root):
    for name in ("images/cell_00.png", "masks/nucleus/cell_00.png"):
        cv2.imwrite(str(root / name), cv2.resize(cv2.imread(str(root / name)), (32, 40), interpolation=0))
    return root


def test_a_mask_without_an_image_is_refused(tmp_path):
    """A misspelt stem would be an empty mask where there are several classes."""
    root = write_set(tmp_path / "set", classes=("cell", "nucleus"))
    (root / "masks/nucleus/cell_01.png").rename(root / "masks/nucleus/cell01.png")
    with pytest.raises(DataError, match=r"nucleus/cell01\.png: no image .*images/cell01"):
        list_folder(root, Multilabel)


def test_problems_of_files_that_the_task_does_not_read_do_not_concern_it(small_set):
    shutil.copytree(small_set / "masks/nucleus", small_set / "labels")
    (small_set / "labels/cell_03.png").rename(small_set / "labels/cell_03.tif")
    (small_set / "labels/cell_04.bmp").touch()
    assert len(list_folder(small_set, Binary).samples) == 10
    with pytest.raises(DataError, match=r"labels/cell_04\.bmp, .*labels/cell_04\.png: 2 files of the same stem"):
        list_folder(small_set, Border)
    (small_set / "labels/cell_04.bmp").unlink()
    (small_set / "masks/nucleus/cell_05.png").unlink()
    (small_set / "dataset.yaml").write_text("classes: [cell]\n")
    assert len(list_folder(small_set, Border).samples) == 10
    with pytest.raises(DataError, match="classes cell, but masks/ holds nucleus"):
        list_folder(small_set, Binary)


def test_hidden_files_beside_class_folders_are_passed_over(small_set):
    (small_set / "masks" / "._cell.png").write_bytes(b"macOS")
    assert list_folder(small_set, Binary).task.classes == ("nucleus",)


def test_files_that_are_not_read_are_named_and_counted(small_set):
    masks = "the masks mark foreground, and are no label maps (value 255 besides 0, in 10 files)"
    assert list_folder(small_set, Binary).notes == (masks,)
    for name in ("images/a.czi", "images/b.txt", "images/c.nd2", "masks/nucleus/d.npy", "labels/e.npy"):
        (small_set / name).parent.mkdir(exist_ok=True)
        (small_set / name).touch()
    _, note = list_folder(small_set, Binary).notes
    assert note == "not read: images/a.czi, images/b.txt, images/c.nd2, … (4 in all; python -m datasets.check says why)"
