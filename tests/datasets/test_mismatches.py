"""Every way in which a data folder can be damaged: the training and the check say the same of it."""

import shutil

import cv2
import numpy as np
import pytest
import tifffile

from datasets.check.folder import check
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


def describe(text):
    return lambda root: (root / "dataset.yaml").write_text(text)


def rename_set(root):
    for name in (IMAGE, MASK):
        (root / name).rename(root / name.replace("cell_04", "cell\n04"))


def flat_masks(root):
    for path in (root / "masks/nucleus").iterdir():
        path.rename(root / "masks" / path.name)
    (root / "masks/nucleus").rmdir()


def class_maps(root):
    flat_masks(root)
    (root / "dataset.yaml").write_text("classes: [background, nucleus]\npalette: [0, 255]\n")


def wrong_class_map(root):
    class_maps(root)
    save(root, "masks/cell_04.png", mask_with(7))


def lost_class_map(root):
    class_maps(root)
    (root / "masks/cell_04.png").unlink()


# What is done to a small folder → (the damage, the file that is at fault, what the training says of it).
DAMAGES = {
    "no mask": (lambda root: (root / MASK).unlink(), IMAGE, r"cell_04\.png: no mask .*masks/nucleus/cell_04"),
    "misspelt mask": (lambda root: (root / MASK).rename(root / "masks/nucleus/cell04.png"), IMAGE, "no mask"),
    "extra mask": (
        lambda root: save(root, "masks/nucleus/alone.png", mask_with(255)),
        "masks/nucleus/alone.png",
        r"alone\.png: no image images/alone\.\*; add the image, or remove",
    ),
    "size": (
        lambda root: save(root, MASK, mask_with(255, (32, 31))),
        MASK,
        r"cell_04\.png: 32×31 pixels, but .* has 32×32",
    ),
    "turned": (wide, MASK, r"cell_04\.png: 48×32 pixels, but .* has 32×48; make both the same size"),
    "soft": (lambda root: save(root, MASK, mask_with(255) // 2 + mask_with(3)), MASK, "mask values 0, 130"),
    "twos": (lambda root: save(root, MASK, mask_with(2)), MASK, "mask values 0, 2"),
    "coloured": (
        lambda root: save(root, MASK, np.dstack([mask_with(255), mask_with(0), mask_with(0)])),
        MASK,
        "coloured image",
    ),
    "JPEG": (jpeg_mask, MASK.replace(".png", ".jpg"), r"cell_04\.jpg: .*JPEG.*data\.mask_threshold"),
    "cut mask": (lambda root: cut(root, MASK), MASK, r"masks/nucleus/cell_04\.png: .*PNG"),
    "cut image": (lambda root: cut(root, IMAGE), IMAGE, r"images/cell_04\.png: .*PNG"),
    "empty image": (lambda root: (root / IMAGE).write_bytes(b""), IMAGE, r"images/cell_04\.png: .*an empty file"),
    "text": (lambda root: (root / IMAGE).write_text("<html>"), IMAGE, r"images/cell_04\.png: not a readable image"),
    "not finite": (nan_image, IMAGE.replace(".png", ".tif"), r"cell_04\.tif: 1 of 1024 values are not finite"),
    "stack": (stack, IMAGE.replace(".png", ".tif"), r"cell_04\.tif: .*5"),
    "stem": (
        lambda root: save(root, "images/cell_04.bmp", mask_with(9)),
        "images/cell_04.bmp",
        r"cell_04\.bmp, .*images/cell_04\.png: 2 files of the same stem",
    ),
    "stem of masks": (
        lambda root: save(root, "masks/nucleus/cell_04.bmp", mask_with(255)),
        MASK,
        r"cell_04\.bmp, .*nucleus/cell_04\.png: 2 files of the same stem",
    ),
    "line end": (rename_set, r"images/cell\n04.png", "its name cannot name results: it contains characters that"),
    "no images": (lambda root: shutil.rmtree(root / "images"), "images", r"images: no images \(\.png"),
    "no masks": (lambda root: shutil.rmtree(root / "masks"), "masks", "masks: no masks"),
    "loose": (
        lambda root: save(root, "masks/loose.png", mask_with(9)),
        "masks/loose.png",
        r"loose\.png: masks/ holds class folders and also files",
    ),
    "class name": (
        lambda root: (root / "masks/nucleus").rename(root / "masks/nucleus."),
        "masks/nucleus.",
        r"masks/nucleus\.: a class cannot have this name: it begins or ends with a dot",
    ),
    "other class": (describe("classes: [cell]"), "dataset.yaml", "classes cell, but masks/ holds nucleus"),
    "unknown key": (describe("klasses: [nucleus]"), "dataset.yaml", "did you mean 'classes'"),
    "no YAML": (describe("classes: [nucleus"), "dataset.yaml", r"dataset\.yaml: line 1: "),
    "not UTF-8": (
        lambda root: (root / "dataset.yaml").write_bytes(b"classes: [\xff]"),
        "dataset.yaml",
        "not a UTF-8 text file",
    ),
    "palette": (
        describe("classes: [background, nucleus]\npalette: [0, 1]"),
        "dataset.yaml",
        "belong to class maps, but masks/ holds folders",
    ),
    "class map": (wrong_class_map, "masks/cell_04.png", r"masks/cell_04\.png: values .*: 7 in 144 pixels"),
    "no class map": (lost_class_map, IMAGE, r"cell_04\.png: no mask masks/cell_04\.\*"),
}
# What is worth a look and may be meant.
HARMLESS = {
    "empty mask": lambda root: save(root, MASK, mask_with(0)),
    "full mask": lambda root: save(root, MASK, 0 * mask_with(0) + 255),
    "constant image": lambda root: save(root, IMAGE, mask_with(0)),
    "duplicate image": lambda root: shutil.copy(root / IMAGE, root / "images/cell_05.png"),
    "ignored file": lambda root: (root / "images/notes.txt").write_text("of no use"),
    "label map of another size": lambda root: save_labels(root, "cell_04.png", mask_with(1, (8, 8))),
    "label map of no image": lambda root: save_labels(root, "alone.png", mask_with(1)),
    "coloured label map": lambda root: save_labels(root, "cell_04.png", np.dstack([mask_with(1), *2 * [mask_with(2)]])),
    "damaged label map": lambda root: (save_labels(root, "cell_04.png", mask_with(1)), cut(root, "labels/cell_04.png")),
    "two label maps": lambda root: [save_labels(root, f"cell_04.{kind}", labels_of(root)) for kind in ("bmp", "png")],
}


def save_labels(root, name, array):
    (root / "labels").mkdir(exist_ok=True)
    save(root, f"labels/{name}", array)


def labels_of(root):
    return cv2.imread(str(root / MASK), 0) // 255


def load(root):
    return load_training_data(root, Binary, size=(32, 32), normalise="dataset", val_fraction=0.2, split_seed=0)


@pytest.mark.parametrize("name", DAMAGES)
def test_the_training_and_the_check_refuse_a_damaged_folder_and_name_the_same_files(small_set, name):
    damage, file, message = DAMAGES[name]
    damage(small_set)
    with pytest.raises(DataError, match=message) as caught:
        load(small_set)
    assert caught.value.exit_code == 3
    named = {file for one in check(small_set).problems if one.severity == "error" for file in one.files}
    assert file in named
    assert [name for name in named if str(small_set / name) not in str(caught.value)] == []


@pytest.mark.parametrize("layout", [lambda root: None, flat_masks, class_maps])
def test_the_control_an_undamaged_folder_passes_both(small_set, layout):
    layout(small_set)
    assert check(small_set).problems == []
    assert len(load(small_set).split) == 10


@pytest.mark.parametrize("name", HARMLESS)
def test_neither_refuses_what_may_be_meant(small_set, name):
    HARMLESS[name](small_set)
    assert {one.severity for one in check(small_set).problems} == {"warning"}
    assert len(load(small_set).split) == 10


def test_only_the_check_compares_checksums(small_set):
    """The one error that does not stop a training: a start would have to hash the whole folder."""
    (small_set / "SHA256SUMS").write_text(f"{'0' * 64}  {IMAGE}\n")
    assert [(one.severity, one.kind, one.files) for one in check(small_set).problems] == [
        ("error", "checksum", (IMAGE,))
    ]
    assert len(load(small_set).split) == 10


def test_soft_masks_are_cut_at_the_threshold_that_is_given(small_set):
    save(small_set, MASK, mask_with(200))
    arguments = {"task_type": Binary, "size": (32, 32), "normalise": "dataset", "val_fraction": 0.2, "split_seed": 0}
    for threshold, expected in ((0.5, 144), (0.9, 0)):
        data = load_training_data(small_set, options=TaskOptions(mask_threshold=threshold), **arguments)
        masks = {sample.id: part[i][1] for part in (data.train, data.val) for i, sample in enumerate(part.samples)}
        assert masks["cell_04"].sum() == expected
