"""COCO's annotations → data folders: small files written here, with expectations counted by hand."""

import numpy as np
import pytest
import yaml
from support.coco_sets import HEIGHT, WIDTH, annotation, box, images, one_class, runs, source_of, two_classes
from support.imported_sets import accepted, as_zip, grey, stored, tif, tree

from datasets.prepare.__main__ import main
from datasets.prepare.coco.prepare import prepare
from system.errors import ConfigError, DataError, FileError
from system.void import VOID


def test_one_category(tmp_path):
    summary = prepare(source_of(tmp_path / "set", one_class()), tmp_path / "out", workers=1)
    out = tmp_path / "out"
    labels = stored(out / "labels/a.png")
    assert np.bincount(labels.ravel()).tolist() == [HEIGHT * WIDTH - 88, 12, 68, 8]
    assert (labels[4:7, 3:7] == 1).all()
    assert (labels[0:2, 14:16] == 3).all()
    assert (labels[4:6, 14:16] == 3).all()
    b = np.zeros((HEIGHT, WIDTH), bool)
    b[6:12, 5:9] = True
    assert np.array_equal(stored(out / "masks/cell/b.png"), np.where(b, 255, 0))
    assert (out / "images/b.tif").read_bytes() == images()["b.tif"]
    assert not stored(out / "labels/c.png").any()
    assert (summary.images, summary.objects) == (3, 4)
    assert "classes: cell\n" in str(summary)
    assert accepted(out, "binary", "distance")["images"] == 3
    assert yaml.safe_load((out / "dataset.yaml").read_text())["classes"] == ["cell"]


@pytest.mark.slow
def test_zip_folder_and_two_options_give_the_same_bytes(tmp_path):
    folder = source_of(tmp_path / "set", two_classes(crowd=True))
    prepare(folder, tmp_path / "1", workers=2)
    prepare(as_zip(tmp_path / "set.zip", tree(folder)), tmp_path / "2", workers=1)
    arguments = ["--source", str(folder / "annotations/instances.json"), "--images", str(folder / "pictures")]
    main(["coco", *arguments, "--out", str(tmp_path / "3"), "--workers", "1"])
    assert tree(tmp_path / "1") == tree(tmp_path / "2") == tree(tmp_path / "3")


def test_several_categories(tmp_path):
    summary = prepare(source_of(tmp_path / "set", two_classes()), tmp_path / "out", workers=1)
    out = tmp_path / "out"
    assert yaml.safe_load((out / "dataset.yaml").read_text())["classes"] == ["cell", "debris"]
    assert [path.name for path in (out / "masks/debris").iterdir()] == ["b.png"]
    assert np.count_nonzero(stored(out / "masks/debris/b.png")) == 6
    assert np.bincount(stored(out / "labels/b.png").ravel()).tolist() == [HEIGHT * WIDTH - 30, 24, 6]
    assert "overlap" not in str(summary)
    accepted(out, "multilabel", "multiclass", "distance")


def test_an_image_in_which_categories_overlap_has_no_label_map(tmp_path):
    summary = prepare(source_of(tmp_path / "set", two_classes(overlap=True)), tmp_path / "out", workers=1)
    assert sorted(path.name for path in (tmp_path / "out/labels").iterdir()) == ["b.png", "c.png"]
    assert "images in which objects of different categories overlap: 1\nlabel maps: 2 of 3 images" in str(summary)
    accepted(tmp_path / "out", "multilabel")


def test_chosen_categories(tmp_path):
    folder = source_of(tmp_path / "set", two_classes(overlap=True))
    prepare(folder, tmp_path / "out", only=["debris"], workers=1)
    assert len(list((tmp_path / "out/labels").iterdir())) == 3
    assert np.count_nonzero(stored(tmp_path / "out/masks/debris/a.png")) == 9
    with pytest.raises(ConfigError, match=r"--categories nucleus: the categories of .* are cell, debris"):
        prepare(folder, tmp_path / "other", only=["nucleus"], workers=1)
    one = source_of(tmp_path / "one", one_class())
    with pytest.raises(DataError, match="no annotated objects of cells, which has no objects"):
        prepare(one, tmp_path / "other", only=["cells, which has no objects"], workers=1)


@pytest.mark.parametrize("several", [False, True])
def test_crowd_regions_become_void(tmp_path, several):
    """The region covers rows 11 to 15 of `b`, where the last row of the cell, 4 pixels, is known."""
    content = two_classes(crowd=True)
    only = None if several else ["cell"]
    summary = prepare(source_of(tmp_path / "set", content), tmp_path / "out", only=only, workers=1)
    about = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())
    assert about["classes"] == ["background", "cell", "debris"][: 2 + several]
    assert (about["palette"], about["void"]) == ([0, 1, 2][: 2 + several], VOID)
    found = stored(tmp_path / "out/masks/b.png")
    assert np.count_nonzero(found == VOID) == 5 * 20 - 4
    assert np.count_nonzero(found == 1) == 24
    assert np.count_nonzero(found == 2) == 6 * several
    assert (found[11, 5:9] == 1).all()
    assert "images with crowd regions, which became void in class maps: 1\nlabel maps: 2 of 3" in str(summary)
    assert sorted(path.name for path in (tmp_path / "out/labels").iterdir()) == ["a.png", "c.png"]
    accepted(tmp_path / "out", "multiclass", *([] if several else ["binary"]))


def test_crowds_may_be_left_out(tmp_path):
    folder = source_of(tmp_path / "set", two_classes(crowd=True))
    summary = prepare(folder, tmp_path / "out", crowds="skip", workers=1)
    assert summary.images == 2
    assert "images with crowd regions, which were left out: 1" in str(summary)
    accepted(tmp_path / "out", "binary", "distance")
    content = two_classes()
    content["annotations"].append(annotation(7, 8, 4, runs(0, 11, 20, 16), crowd=1))
    with pytest.raises(DataError, match="all objects are in images with crowd regions"):
        prepare(source_of(tmp_path / "b", content), tmp_path / "other", only=["debris"], crowds="skip", workers=1)


def test_objects_without_pixels_and_unlisted_images_are_counted(tmp_path):
    content = one_class()
    content["annotations"] += [annotation(50, 7, 3, [[1.6, 1.6, 1.9, 1.6, 1.9, 1.9]])]
    content["annotations"] += [annotation(51, 7, 3, [box(3, 4, 7, 7)])]  # the same as 1, and above it
    pictures = {**images(), "more.png": b"never opened"}
    summary = prepare(source_of(tmp_path / "set", content, pictures), tmp_path / "out", workers=1)
    assert "hidden under others: 2 (annotation 1, annotation 50)" in str(summary)
    assert "images that the annotations do not list, which were left out: 1" in str(summary)
    assert summary.objects == 4


def test_names_with_folders_keep_them(tmp_path):
    content = one_class()
    content["images"] = [{**one, "file_name": f"A01/{one['file_name']}"} for one in content["images"]]
    pictures = {f"A01/{name}": data for name, data in images().items()}
    prepare(source_of(tmp_path / "set", content, pictures), tmp_path / "out", workers=1)
    assert (tmp_path / "out/masks/cell/A01/b.png").is_file()


PLACES = {
    "no image": ({"a.png": b"", "b.tif": b""}, r"'c\.png' is not in "),
    "two places": ({**images(), "x/a.png": b"", "y/a.png": b""}, r"'a\.png' is in several places \(pictures/a.png, "),
}


@pytest.mark.parametrize(("pictures", "message"), PLACES.values(), ids=PLACES.keys())
def test_images_that_are_not_found(tmp_path, pictures, message):
    with pytest.raises(DataError, match=message):
        prepare(source_of(tmp_path / "set", one_class(), pictures), tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_an_image_of_another_size(tmp_path):
    folder = source_of(tmp_path / "set", one_class(), {**images(), "b.tif": tif(grey(0, WIDTH, HEIGHT))})
    with pytest.raises(FileError, match=r"b\.tif: 20x16 pixels \(HxW\), but .*instances\.json says 16x20"):
        prepare(folder, tmp_path / "out", workers=1)


def test_several_files_of_annotations(tmp_path):
    folder = source_of(tmp_path / "set", one_class())
    (folder / "annotations/captions.json").write_text("{}")
    with pytest.raises(DataError, match=r"contains 2 JSON files \(annotations/captions\.json, .*--images"):
        prepare(folder, tmp_path / "out", workers=1)
    with pytest.raises(DataError, match="contains no JSON file"):
        prepare(folder / "pictures", tmp_path / "out", workers=1)
