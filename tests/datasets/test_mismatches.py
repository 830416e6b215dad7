"""Every way in which image and mask can fail to fit: what training says of it."""

import cv2
import numpy as np
import pytest
import tifffile

from datasets.survey import load_training_data
from system.errors import DataError
from tasks.binary import Binary
from tasks.task import TaskOptions

IMAGE, MASK = "images/cell_04.png", "masks/nucleus/cell_04.png"


def save(root, name, array):
    assert cv2.imwrite(str(root / name), array)


def mask_with(value, shape=(32, 32)):
    mask = np.zeros(shape, np.uint8)
    mask[8:20, 8:20] = value
    return mask


def cut(root, name):
    path = root / name
    path.write_bytes(path.read_bytes()[:-30])


def jpeg_mask(root):
    (root / MASK).unlink()
    save(root, MASK.replace(".png", ".jpg"), mask_with(255))


def nan_image(root):
    (root / IMAGE).unlink()
    pixels = np.zeros((32, 32), np.float32)
    pixels[3, 4] = np.nan
    tifffile.imwrite(root / IMAGE.replace(".png", ".tif"), pixels)


def stack(root):
    (root / IMAGE).unlink()
    tifffile.imwrite(root / IMAGE.replace(".png", ".tif"), np.zeros((5, 32, 32), np.uint8), photometric="minisblack")


def wide(root):
    for name in (IMAGE, MASK):
        save(root, name, cv2.resize(cv2.imread(str(root / name)), (48, 32), interpolation=cv2.INTER_NEAREST_EXACT))
    save(root, MASK, cv2.imread(str(root / MASK), 0).T)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda root: (root / MASK).unlink(), r"cell_04\.png: no mask .*masks/nucleus/cell_04"),
        (lambda root: (root / MASK).rename(root / "masks/nucleus/cell04.png"), r"cell_04\.png: no mask"),
        (lambda root: save(root, MASK, mask_with(255, (32, 31))), r"cell_04\.png: 32×31 pixels, but .* has 32×32"),
        (wide, r"cell_04\.png: 48×32 pixels, but .* has 32×48; make both the same size"),
        (lambda root: save(root, MASK, mask_with(255) // 2 + mask_with(3)), r"mask values 0, 130"),
        (lambda root: save(root, MASK, mask_with(2)), r"mask values 0, 2"),
        (lambda root: save(root, MASK, np.dstack([mask_with(255), mask_with(0), mask_with(0)])), "coloured image"),
        (jpeg_mask, r"cell_04\.jpg: .*JPEG.*data\.mask_threshold"),
        (lambda root: cut(root, MASK), r"masks/nucleus/cell_04\.png: .*PNG"),
        (lambda root: cut(root, IMAGE), r"images/cell_04\.png: .*PNG"),
        (lambda root: (root / IMAGE).write_bytes(b""), r"images/cell_04\.png: .*an empty file"),
        (lambda root: (root / IMAGE).write_text("<html>"), r"images/cell_04\.png: not a readable image"),
        (nan_image, r"cell_04\.tif: 1 of 1024 values are not finite"),
        (stack, r"cell_04\.tif: .*5"),
        (lambda root: save(root, "images/cell_04.bmp", mask_with(9)), "same stem as cell_04.bmp"),
        (lambda root: save(root, "masks/loose.png", mask_with(9)), r"class folders and also files \(loose\.png\)"),
        (lambda root: (root / "dataset.yaml").write_text("classes: [cell]"), r"classes \['cell'\], but masks/ holds"),
    ],
)
def test_each_mismatch_is_told_by_file(small_set, damage, told):
    damage(small_set)
    with pytest.raises(DataError, match=told):
        load_training_data(small_set, Binary, size=(32, 32), normalise="dataset", val_fraction=0.2, split_seed=0)


def test_soft_masks_are_cut_at_the_threshold_that_is_given(small_set):
    save(small_set, MASK, mask_with(200))
    arguments = {"task_type": Binary, "size": (32, 32), "normalise": "dataset", "val_fraction": 0.2, "split_seed": 0}
    for threshold, expected in ((0.5, 144), (0.9, 0)):
        data = load_training_data(small_set, options=TaskOptions(mask_threshold=threshold), **arguments)
        masks = {sample.id: part[i][1] for part in (data.train, data.val) for i, sample in enumerate(part.samples)}
        assert masks["cell_04"].sum() == expected
