"""What a data folder holds, by counting by hand in drawn folders."""

import math
import shutil

import cv2
import numpy as np
import pytest
from conftest import write_set

from datasets.facts import FILES, areas_of, measure_facts, suggest_crop
from system.errors import DataError


def grid(cells, *, side=128, cell=10):
    """A label map of so many squares."""
    labels = np.zeros((side, side + 40), np.uint16)
    for number in range(cells):
        top, left = 20 * (number // 5), 20 * (number % 5)
        labels[top : top + cell, left : left + cell] = number + 1
    return labels


def write_labels(root, folder="labels", *, images=8, cells=9, **shape):
    for index in range(images):
        for name, array in (("images", np.zeros((128, 168), np.uint8)), (folder, grid(cells, **shape))):
            (root / name).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / name / f"i{index}.png"), array)
    return root


@pytest.mark.parametrize("folder", ["labels", "masks"])
def test_of_label_maps(tmp_path, folder):
    facts = measure_facts(write_labels(tmp_path / "set", folder))
    assert (facts.images, facts.truth, facts.folder, facts.classes) == (8, "labels", folder, 1)
    assert facts.short_side == 128
    diameter = math.sqrt(4 * 100 / math.pi)
    assert (facts.crop, f"cell ({diameter:.1f} pixels)" in facts.crop_reason) == (96, True)  # 8 · 11.3 = 90


def test_label_maps_beside_masks_are_what_is_measured(small_set):
    assert measure_facts(small_set).truth == "masks"
    shutil.copytree(small_set / "masks" / "nucleus", small_set / "labels")
    facts = measure_facts(small_set)
    assert (facts.truth, facts.folder) == ("labels", "labels")
    (small_set / "labels" / "cell_03.png").unlink()
    assert measure_facts(small_set).truth == "masks"  # not all images have a label map


def test_of_several_classes_and_of_class_maps(tmp_path):
    several = measure_facts(write_set(tmp_path / "two", classes=("a", "b")))
    assert (several.truth, several.classes, several.crop) == ("masks", 2, None)  # 32×32 is smaller than any crop
    root = write_labels(tmp_path / "maps", "masks", cells=2)
    (root / "dataset.yaml").write_text("classes: [background, left, right]\n")
    maps = measure_facts(root)
    assert (maps.truth, maps.classes, "right" in maps.crop_reason or "left" in maps.crop_reason) == ("classes", 2, True)


def test_few_files_are_measured_and_damaged_ones_left_out(tmp_path, monkeypatch):
    root = write_labels(tmp_path / "set", images=2 * FILES)
    read = []
    from datasets import facts as module

    whole = module.read_bytes
    monkeypatch.setattr(module, "read_bytes", lambda path: read.append(path) or whole(path))
    (root / "labels" / "i0.png").write_bytes(b"none")
    assert measure_facts(root).images == 2 * FILES
    assert len(read) == FILES
    for path in (root / "labels").iterdir():
        path.write_bytes(b"none")
    with pytest.raises(DataError, match="not a readable image"):
        measure_facts(root)


@pytest.mark.parametrize("fault", ["no folder", "no images", "no masks"])
def test_a_folder_that_cannot_be_used_is_refused(small_set, fault):
    if fault == "no folder":
        shutil.rmtree(small_set)
    else:
        shutil.rmtree(small_set / fault.removeprefix("no "))
    with pytest.raises(DataError, match="no such folder" if fault == "no folder" else fault):
        measure_facts(small_set)


@pytest.mark.parametrize("classes", [("nucleus",), ("a", "b")])
def test_a_folder_without_any_pair_is_refused(tmp_path, classes):
    root = write_set(tmp_path / "set", images=3, classes=classes)
    for mask in (root / "masks").glob("*/*"):
        mask.rename(mask.with_name(f"other_{mask.name}"))
    with pytest.raises(DataError, match="no image images/other_cell_00") as caught:
        measure_facts(root)
    assert ("no mask masks/nucleus/cell_00" in str(caught.value)) == (len(classes) == 1)  # of several, some may lack


def test_folders_of_classes_without_any_mask_are_refused(tmp_path):
    root = write_set(tmp_path / "set", classes=("a", "b"))
    for mask in (root / "masks").glob("*/*"):
        mask.unlink()
    with pytest.raises(DataError, match="not one pixel of foreground"):
        measure_facts(root)


def test_objects_are_counted_by_ids_or_by_pieces():
    labels = grid(4)
    assert areas_of((labels > 0).astype(np.uint8), None).tolist() == [100] * 4
    labels[labels == 2] = 1
    assert sorted(areas_of((labels > 0).astype(np.uint8), labels).tolist()) == [100, 100, 200]


def test_a_crop_needs_objects_and_room():
    assert suggest_crop({}, 100.0) == (None, "there are no objects to measure")
    assert suggest_crop({"cell": 10.0}, None) == (None, "there is no image that can be measured")
    assert suggest_crop({"cell": 10.0}, 63.0)[0] is None
    assert suggest_crop({"cell": 10.0}, 64.0)[0] == 64
    assert suggest_crop({"cell": 1000.0}, 5000.0)[0] == 512
