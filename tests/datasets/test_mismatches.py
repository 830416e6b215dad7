"""Every way in which a data folder can be damaged: the training and the check say the same of it."""

import os
import shutil

import cv2
import numpy as np
import pytest
import tifffile

from datasets.check.folder import check
from datasets.split import SplitRule
from datasets.survey import load_training_data
from system.errors import DataError
from tasks.binary import Binary
from tasks.border import Border
from tasks.distance import Distance
from tasks.multiclass import Multiclass
from tasks.multilabel import Multilabel
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
    return load_training_data(
        root, Binary, size=(32, 32), normalise="dataset", rule=SplitRule(val_fraction=0.2, seed=0)
    )


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


def numbered(root):
    """Turns the masks of a small set into label maps: two cells in each file, and a third one in some."""
    for number, path in enumerate(sorted((root / "masks/nucleus").iterdir())):
        labels = (cv2.imread(str(path), 0) > 0).astype(np.uint16)
        labels[:, 16:] *= 2
        for place in range(number % 4):
            labels[1:3, 3 * place + 1 : 3 * place + 3] = 3 + place
        assert cv2.imwrite(str(path), labels)


def moved(root, target, naming="{}"):
    for path in sorted((root / "masks/nucleus").iterdir()):
        new = root / target / f"{naming.format(path.stem)}{path.suffix}"
        new.parent.mkdir(parents=True, exist_ok=True)
        path.rename(new)
    shutil.rmtree(root / "masks")


def plates(root):
    for index, path in enumerate(sorted((root / "masks/nucleus").iterdir())):
        for file, folder in ((path, "labels"), (root / "images" / path.name, "images")):
            new = root / folder / f"{'AB'[index % 2]}01" / f"i{index // 2}{file.suffix}"
            new.parent.mkdir(parents=True, exist_ok=True)
            file.rename(new)
    shutil.rmtree(root / "masks")


# Where label maps lie, and how they are named.
LABEL_LAYOUTS = {
    "a class folder": lambda root: None,
    "masks": lambda root: (moved(root, "flat"), (root / "flat").rename(root / "masks")),
    "labels": lambda root: moved(root, "labels"),
    "Cellpose in labels": lambda root: moved(root, "labels", "{}_cp_masks"),
    "Cellpose in images": lambda root: moved(root, "images", "{}_masks"),
    "the data folder itself": lambda root: (
        moved(root, ".", "{}_mask"),
        [path.rename(root / path.name) for path in sorted((root / "images").iterdir())],
        (root / "images").rmdir(),
    ),
    "plates": plates,
}
# What is done to one label map; each stops a training.
LABEL_DAMAGES = {
    "absent": lambda path: path.unlink(),
    "another size": lambda path: cv2.imwrite(str(path), np.ones((31, 32), np.uint16)),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "empty file": lambda path: path.write_bytes(b""),
    "coloured": lambda path: cv2.imwrite(str(path), np.dstack([mask_with(9), mask_with(0), mask_with(0)])),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "of no image": lambda path: shutil.copy(path, path.with_name(path.name.replace("4", "none"))),
}
TASKS_OF_LABELS = (Binary, Multilabel, Distance, Border)


def label_files(root):
    """The label maps of a set, whatever its layout."""
    files = [path for path in sorted(root.rglob("*.png")) if cv2.imread(str(path), -1).dtype == np.uint16]
    assert len(files) == 10
    return files


def load_as(root, task_type):
    return load_training_data(
        root, task_type, size=(32, 32), normalise="dataset", rule=SplitRule(val_fraction=0.2, seed=0)
    )


@pytest.mark.parametrize("layout", LABEL_LAYOUTS)
def test_label_maps_are_the_truth_of_every_task_that_can_be_made_from_them(small_set, layout):
    numbered(small_set)
    foreground = [cv2.imread(str(path), -1) > 0 for path in label_files(small_set)]
    share = np.mean(foreground)
    LABEL_LAYOUTS[layout](small_set)
    report = check(small_set)
    assert (report.errors, report.facts["truth"]) == (0, "labels")
    (of_class,) = report.facts["classes"].values()
    assert of_class["foreground_share"] == pytest.approx(share)
    assert of_class["objects"] == sum(len(np.unique(cv2.imread(str(path), -1))) - 1 for path in label_files(small_set))
    for task_type in TASKS_OF_LABELS:
        data = load_as(small_set, task_type)
        found = [part[index][1][..., 0] for part in (data.train, data.val) for index in range(len(part))]
        assert np.mean(found) == pytest.approx(share)
        assert max(part.labels(i).max() for part in (data.train, data.val) for i in range(len(part))) == 5
    with pytest.raises(DataError):
        load_as(small_set, Multiclass)


@pytest.mark.parametrize("damage", LABEL_DAMAGES)
@pytest.mark.parametrize("layout", LABEL_LAYOUTS)
def test_the_training_and_the_check_agree_about_damaged_label_maps(small_set, layout, damage):
    numbered(small_set)
    LABEL_LAYOUTS[layout](small_set)
    LABEL_DAMAGES[damage](label_files(small_set)[4])
    for task_type in (Binary, Distance):
        with pytest.raises(DataError) as caught:
            load_as(small_set, task_type)
        assert caught.value.exit_code == 3
        named = {file for one in check(small_set).problems if one.severity == "error" for file in one.files}
        assert named
        assert [name for name in named if str(small_set / name) not in str(caught.value)] == []


@pytest.mark.parametrize("threshold", [None, 0.5])
def test_a_truth_without_foreground_stops_both(small_set, threshold):
    for path in (small_set / "masks/nucleus").iterdir():
        cv2.imwrite(str(path), 0 * mask_with(0) if threshold is None else mask_with(9))
    arguments = {
        "task_type": Binary,
        "size": (32, 32),
        "normalise": "dataset",
        "rule": SplitRule(val_fraction=0.2, seed=0),
    }
    with pytest.raises(DataError, match="not one pixel of foreground in the 8 images of the training part") as caught:
        load_training_data(small_set, options=TaskOptions(mask_threshold=threshold), **arguments)
    assert ("data.mask_threshold: 0.5" in str(caught.value)) == (threshold is not None)
    (problem,) = (one for one in check(small_set, mask_threshold=threshold).problems if one.severity == "error")
    assert (problem.kind, problem.files) == ("no foreground", ("masks",))
    save(small_set, MASK, mask_with(255))  # the control, in a file of the training part
    assert len(load_training_data(small_set, options=TaskOptions(mask_threshold=threshold), **arguments).split) == 10
    assert check(small_set, mask_threshold=threshold).errors == 0


def test_label_maps_are_not_cut_at_a_threshold(small_set):
    """What the check once advised: a training on 0.0 % foreground."""
    numbered(small_set)
    options = TaskOptions(mask_threshold=0.5)
    arguments = {"size": (32, 32), "normalise": "dataset", "rule": SplitRule(val_fraction=0.2, seed=0)}
    with pytest.raises(DataError, match=r"label maps \(values 1, 2, 3, 4, 5 .*set data\.truth: masks"):
        load_training_data(small_set, Binary, options, **arguments)
    (problem,) = check(small_set, mask_threshold=0.5).problems
    assert (problem.severity, problem.kind) == ("error", "truth")
    as_masks = TaskOptions(mask_threshold=0.5, truth="masks")
    with pytest.raises(DataError, match=r"foreground.*set data\.truth: labels"):
        load_training_data(small_set, Binary, as_masks, **arguments)
    assert "no foreground" in {one.kind for one in check(small_set, truth="masks", mask_threshold=0.5).problems}


def test_what_may_be_classes_or_cells_is_asked(small_set):
    for path in (small_set / "masks/nucleus").iterdir():
        labels = (cv2.imread(str(path), 0) > 0).astype(np.uint16)
        labels[:, 16:] *= 2
        cv2.imwrite(str(path), labels)
    remedies = r"set data\.truth: labels if each number is one cell.*dataset\.yaml \(classes: "
    with pytest.raises(DataError, match=remedies):
        load_as(small_set, Binary)
    assert [(one.severity, one.kind) for one in check(small_set).problems] == [("error", "truth")]
    assert check(small_set, truth="labels").errors == 0
    arguments = {"size": (32, 32), "normalise": "dataset", "rule": SplitRule(val_fraction=0.2, seed=0)}
    load_training_data(small_set, Binary, TaskOptions(truth="labels"), **arguments)
    load_as(small_set, Distance)  # this task says that they are cells
    flat_masks(small_set)
    (small_set / "dataset.yaml").write_text("classes: [background, left, right]\n")
    assert check(small_set).facts["truth"] == "classes"
    load_as(small_set, Multiclass)


def test_only_the_check_compares_checksums(small_set):
    """The one error that does not stop a training: a start would have to hash the whole folder."""
    (small_set / "SHA256SUMS").write_text(f"{'0' * 64}  {IMAGE}\n")
    assert [(one.severity, one.kind, one.files) for one in check(small_set).problems] == [
        ("error", "checksum", (IMAGE,))
    ]
    assert len(load(small_set).split) == 10


def test_soft_masks_are_cut_at_the_threshold_that_is_given(small_set):
    save(small_set, MASK, mask_with(200))
    arguments = {
        "task_type": Binary,
        "size": (32, 32),
        "normalise": "dataset",
        "rule": SplitRule(val_fraction=0.2, seed=0),
    }
    for threshold, expected in ((0.5, 144), (0.9, 0)):
        data = load_training_data(small_set, options=TaskOptions(mask_threshold=threshold), **arguments)
        masks = {sample.id: part[i][1] for part in (data.train, data.val) for i, sample in enumerate(part.samples)}
        assert masks["cell_04"].sum() == expected
