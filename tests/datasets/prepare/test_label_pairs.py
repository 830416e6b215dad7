"""The importers of images and label maps: StarDist's layout, Cellpose's, and any two folders."""

import csv
from functools import partial

import numpy as np
import pytest
import tifffile
import yaml
from support.imported_sets import accepted, as_folder, as_zip, grey, png, stored, tif, tree, two_cells

from datasets.prepare import cellpose, labels, stardist
from datasets.prepare.__main__ import main
from system.errors import ConfigError, DataError, FileError, run_script

CELLS = two_cells()
COLOURED = np.dstack([CELLS, CELLS, 0 * CELLS]).astype(np.uint8)


def stardist_set(parts=("",), folder=""):
    """Two images in each part: one with cells, and one without."""
    files = {}
    for number, part in enumerate(parts):
        for stem, ids in (("a", CELLS), ("b", 0 * CELLS)):
            files[f"{part}images/{folder}{stem}.tif"] = tif(grey(2 * number + (stem == "b")))
            files[f"{part}masks/{folder}{stem}.tif"] = tif(ids.astype(np.uint16))
    return files


def cellpose_set(lead=""):
    """Both ways of naming, and what Cellpose's programs write beside them."""
    colours = np.dstack([grey(0, dtype=np.uint8), grey(1, dtype=np.uint8), 0 * grey(0, dtype=np.uint8)])
    return {
        f"{lead}000_img.png": png(colours[..., ::-1]),
        f"{lead}000_masks.png": png(CELLS.astype(np.uint16)),
        f"{lead}well B.tif": tif(grey(3)),
        f"{lead}well B_cp_masks.png": png(CELLS.astype(np.uint16)),
        f"{lead}well B_seg.npy": b"a pickle, beside a label map",
        f"{lead}well B_flows.tif": tif(grey(4)),
        f"{lead}C.tif": tif(grey(5)),
        f"{lead}C_masks.tif": tif(CELLS.astype(np.uint16)),
        f"{lead}.DS_Store": b"junk",
    }


def both_folders(tmp_path, suffix="", dtype=np.uint16, ids=CELLS):
    """The arguments of `labels.prepare`."""
    images = as_folder(tmp_path / "i", {"x.png": png(grey(0, dtype=np.uint8)), "y.tif": tif(grey(1))})
    files = {f"{stem}{suffix}.tif": tif(ids.astype(dtype)) for stem in ("x", "y")}
    return images, as_folder(tmp_path / "l", files)


def test_stardist_copies_the_images_and_writes_masks_and_label_maps(tmp_path):
    source = as_zip(tmp_path / "set.zip", stardist_set())
    summary = stardist.prepare(source, tmp_path / "out", class_name="nucleus", workers=1)
    out = tmp_path / "out"
    assert (summary.images, summary.objects) == (2, 2)
    assert "images without objects: 1" in str(summary)
    assert (out / "images/a.tif").read_bytes() == stardist_set()["images/a.tif"]
    assert stored(out / "labels/a.png").dtype == np.uint16
    assert np.array_equal(stored(out / "labels/a.png"), CELLS)
    assert np.array_equal(stored(out / "masks/nucleus/a.png"), np.where(CELLS, 255, 0))
    facts = accepted(out, "binary", "distance")
    assert facts["images"] == 2
    about = yaml.safe_load((out / "dataset.yaml").read_text())
    assert about["classes"] == ["nucleus"]
    assert about["notes"] == {"images": 2, "objects": 2}
    assert not (out / "split.csv").exists()


@pytest.mark.slow
def test_folder_and_zip_leading_folders_and_workers_change_no_byte(tmp_path):
    files = stardist_set(("train/", "test/"))
    stardist.prepare(as_zip(tmp_path / "set.zip", files), tmp_path / "1", workers=1)
    lead = {f"__MACOSX/{name}": b"x" for name in files} | {f"deep/set/{name}": files[name] for name in files}
    stardist.prepare(as_folder(tmp_path / "2in" / "set.zip", lead), tmp_path / "2", workers=2)
    expected = tree(tmp_path / "1")
    assert len(expected) == 4 * 3 + 3
    assert tree(tmp_path / "2") == expected


def test_parts_become_a_split_file_and_part_of_the_id(tmp_path, capsys):
    source = as_folder(tmp_path / "set", stardist_set(("train/", "test/")))
    main(["stardist", "--source", str(source), "--out", str(tmp_path / "out"), "--workers", "1"])
    with (tmp_path / "out/split.csv").open() as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert rows == [("test/a", "val"), ("test/b", "val"), ("train/a", "train"), ("train/b", "train")]
    assert (tmp_path / "out/labels/train/a.png").is_file()
    assert (tmp_path / "out/masks/cell/test/b.png").is_file()
    lines = capsys.readouterr().out.splitlines()
    assert "parts: 2 of train (train) and 2 of test (val), listed in split.csv" in lines[-3]
    assert lines[-2] == f"    data.split_file={tmp_path}/out/split.csv"


def test_plates_stay_part_of_the_id(tmp_path):
    files = stardist_set(folder="A01/") | stardist_set(folder="B01/")
    stardist.prepare(as_folder(tmp_path / "set", files), tmp_path / "out", workers=1)
    names = {name for name in tree(tmp_path / "out") if name.startswith(("images", "labels"))}
    ids = [f"{plate}/{stem}" for plate in ("A01", "B01") for stem in "ab"]
    assert names == {f"images/{i}.tif" for i in ids} | {f"labels/{i}.png" for i in ids}


def test_cellpose(tmp_path):
    files = cellpose_set()
    summary = cellpose.prepare(as_folder(tmp_path / "set", files), tmp_path / "out", workers=1)
    out = tmp_path / "out"
    assert summary.images == 3
    assert sorted(path.name for path in (out / "images").iterdir()) == ["000.png", "C.tif", "well B.tif"]
    assert (out / "images/000.png").read_bytes() == files["000_img.png"]
    assert np.array_equal(tifffile.imread(out / "images/C.tif"), grey(5))
    accepted(out, "binary", "distance")


@pytest.mark.parametrize(("lead", "start"), [("top/", ""), ("top/train/", "train/"), ("train/", "train/")])
def test_a_leading_folder_of_an_archive_is_no_part_of_the_ids(tmp_path, lead, start):
    cellpose.prepare(as_zip(tmp_path / "set.zip", cellpose_set(lead)), tmp_path / "out", workers=1)
    assert (tmp_path / f"out/images/{start}000.png").is_file()


def test_pickles_of_cellpose_are_refused_with_advice(tmp_path):
    files = {"a.tif": tif(grey(0)), "a_seg.npy": b"\x93NUMPY", **cellpose_set()}
    with pytest.raises(DataError, match=r"1 images .* _seg\.npy files only \(a\).*pickles.*--save_png") as caught:
        cellpose.prepare(as_folder(tmp_path / "set", files), tmp_path / "out", workers=1)
    assert "has no label map" not in str(caught.value)
    del files["a.tif"], files["a_seg.npy"]
    cellpose.prepare(as_folder(tmp_path / "other", files), tmp_path / "out", workers=1)


@pytest.mark.parametrize(
    "suffix", ["", "_mask", "_masks", "_label", "_labels", "_cp_masks", "_seg", "-mask", "_labeled", "_gt"]
)
def test_any_two_folders_with_one_suffix(tmp_path, suffix):
    labels.prepare(*both_folders(tmp_path, suffix), tmp_path / "out", workers=1)
    assert np.array_equal(stored(tmp_path / "out/labels/x.png"), CELLS)
    accepted(tmp_path / "out", "binary", "border")


def test_two_suffixes_do_not_fit(tmp_path):
    images, maps = both_folders(tmp_path, "_mask")
    (maps / "y_mask.tif").rename(maps / "y_label.tif")
    with pytest.raises(DataError, match="2 problems") as caught:
        labels.prepare(images, maps, tmp_path / "out", workers=1)
    assert "y.tif: has no label map" in str(caught.value)
    assert "y_label.tif: has no image" in str(caught.value)


def test_images_and_label_maps_in_one_folder(tmp_path):
    images, maps = both_folders(tmp_path, "_seg")
    for path in maps.iterdir():
        path.rename(images / path.name)
    assert labels.prepare(images, images, tmp_path / "out", workers=1).images == 2


def test_two_archives_with_leading_folders(tmp_path):
    images, maps = both_folders(tmp_path)
    for name, folder in (("i", images), ("l", maps)):
        as_zip(tmp_path / f"{name}.zip", {f"{name}/{k}": v for k, v in tree(folder).items()})
    summary = labels.prepare(tmp_path / "i.zip", tmp_path / "l.zip", tmp_path / "out", workers=1)
    assert (summary.images, summary.objects) == (2, 4)


@pytest.mark.parametrize(
    ("dtype", "ids", "expected"),
    [(np.uint8, (7, 200), (7, 200)), (np.uint32, (65_535, 3), (65_535, 3)), (np.uint32, (70_000, 5), (2, 1))],
)
def test_label_maps_of_8_and_32_bits(tmp_path, dtype, ids, expected):
    """Ids up to 65,535 stay; where one is larger, all are numbered anew in their order."""
    summary = labels.prepare(*both_folders(tmp_path, dtype=dtype, ids=two_cells(ids=ids)), tmp_path / "out", workers=1)
    assert np.array_equal(stored(tmp_path / "out/labels/x.png"), two_cells(ids=expected))
    assert ("numbered anew: 2" in str(summary)) == (ids != expected)
    accepted(tmp_path / "out", "distance")


def test_more_objects_than_16_bits_become_a_tiff(tmp_path):
    ids = np.arange(300 * 300, dtype=np.uint32).reshape(300, 300)
    files = {"x.tif": tif(grey(0, 300, 300))}
    images, maps = as_folder(tmp_path / "i", files), as_folder(tmp_path / "l", {"x.tif": tif(ids)})
    assert labels.prepare(images, maps, tmp_path / "out", workers=1).objects == 89_999
    written = tifffile.imread(tmp_path / "out/labels/x.tif")
    assert written.dtype == np.uint32
    assert np.array_equal(written, ids)
    accepted(tmp_path / "out", "distance")


def test_masks_given_as_label_maps_are_noticed(tmp_path):
    summary = labels.prepare(*both_folders(tmp_path, ids=255 * (CELLS > 0)), tmp_path / "out", workers=1)
    assert "if the files are masks and no label maps" in str(summary)
    told = labels.prepare(*both_folders(tmp_path), tmp_path / "two", workers=1)
    assert "if the files are masks" not in str(told)


CHANGES = {
    "other size": ({"images/a.tif": tif(grey(0, 15, 20))}, FileError, r"masks/a\.tif: 16x20 .*images/a\.tif has 15x20"),
    "no label map": ({"images/c.tif": tif(grey(0))}, DataError, r"images/c\.tif: has no label map"),
    "no image": ({"masks/c.tif": tif(CELLS)}, DataError, r"masks/c\.tif: has no image"),
    "two images": ({"images/a.png": b""}, DataError, r"images/a\.png, images/a\.tif: 2 images of the id a"),
    "letters": ({"images/A.tif": b"", "masks/A.tif": b""}, DataError, "differs from 'A' in small and capital"),
    "device": ({"images/NUL.tif": b"", "masks/NUL.tif": b""}, DataError, "'NUL' cannot name a file"),
    "no image file": ({"images/a.tif": b"text"}, FileError, r"images/a\.tif: not a readable image"),
    "stack": ({"images/a.tif": tif(np.zeros((5, 9, 16, 20), np.uint8))}, FileError, r"images/a\.tif: "),
    "fractions": ({"masks/a.tif": tif(CELLS.astype(np.float32) / 2)}, FileError, r"masks/a\.tif: values from 0.0"),
    "negative": ({"masks/a.tif": tif(-CELLS.astype(np.int16))}, FileError, r"masks/a\.tif: values from -2"),
    "colours": ({"masks/a.tif": tif(COLOURED)}, FileError, r"masks/a\.tif: a coloured image"),
    "two sets": ({"other/images/a.tif": b"", "other/masks/a.tif": b""}, DataError, "several data sets, in '', 'other"),
}


@pytest.mark.parametrize(("changes", "kind", "message"), CHANGES.values(), ids=CHANGES.keys())
def test_what_does_not_fit_is_refused_by_name_and_nothing_is_left(tmp_path, changes, kind, message):
    source = as_folder(tmp_path / "set", {**stardist_set(), **changes})
    with pytest.raises(kind, match=message):
        stardist.prepare(source, tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_name_that_is_no_text_is_refused(tmp_path):
    source = as_folder(tmp_path / "set", stardist_set())
    for kind in ("images", "masks"):
        (source / kind / "a.tif").rename(source / kind / b"\xff.tif".decode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match="cannot name a file") as caught:
        stardist.prepare(source, tmp_path / "out", workers=1)
    str(caught.value).encode()


def test_links_are_followed_but_not_in_circles(tmp_path):
    as_folder(tmp_path / "elsewhere", stardist_set())
    (tmp_path / "set").mkdir()
    (tmp_path / "set/images").symlink_to(tmp_path / "elsewhere/images")
    (tmp_path / "set/masks").symlink_to(tmp_path / "elsewhere/masks")
    (tmp_path / "elsewhere/images/up").symlink_to(tmp_path / "set")
    assert stardist.prepare(tmp_path / "set", tmp_path / "out", workers=1).images == 2


def test_a_folder_of_too_many_files(tmp_path, monkeypatch):
    source = as_folder(tmp_path / "set", stardist_set())
    monkeypatch.setattr("datasets.prepare.source.MAX_FILES", 3)
    with pytest.raises(DataError, match="more than 3 files"):
        stardist.prepare(source, tmp_path / "out", workers=1)


def test_usage_errors(tmp_path, capsys):
    source = as_folder(tmp_path / "set", stardist_set())
    command = ["stardist", "--source", str(source), "--out", str(tmp_path / "out")]
    assert run_script(partial(main, [*command, "--class", "a/b"])) == 2
    assert run_script(partial(main, [*command, "--workers", "0"])) == 2
    assert "--workers 0: give a whole number" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        stardist.prepare(source, source, workers=1)
