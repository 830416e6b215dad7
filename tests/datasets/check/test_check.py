"""The check of a data folder: planted faults are found and nothing else, facts are those of the drawing."""

import hashlib
import json
import math
import sys

import cv2
import numpy as np
import pytest
from support.checked_sets import SIDE, by_file, draw_set, found_in, noise, plant, square, write

from datasets.check.__main__ import main
from datasets.check.folder import check
from datasets.facts import suggest_crop
from datasets.prepare.synthetic import write_synthetic
from system.errors import DataError, run_script


def test_a_clean_set_has_facts_and_no_problem(clean):
    report = check(clean)
    assert report.problems == []
    assert report.facts["images"] == 3
    assert report.facts["sizes"] == {"smallest": [64, 64], "largest": [64, 64], "distinct": 1, "median_short_side": 64}
    assert report.facts["pixels"] == {"3 × uint8": 3}
    cell = report.facts["classes"]["cell"]
    assert (cell["mask_files"], cell["with_foreground"], cell["objects"]) == (3, 3, 3)
    assert cell["foreground_share"] == 64 / 4096
    diameter = 2 * math.sqrt(64 / math.pi)  # of a disc as large as the square
    assert cell["diameter"] == pytest.approx({"p5": diameter, "median": diameter, "p95": diameter})


def test_every_planted_fault_is_found_and_nothing_else(tmp_path):
    root = draw_set(tmp_path / "set")
    planted = plant(root)
    report = check(root)
    assert len(planted) >= 12
    assert found_in(report) == planted
    assert len(report.problems) == len(planted)
    assert all(one.found and one.fix for one in report.problems)
    told = {", ".join(one.files): one.found for one in report.problems}
    assert "64×62 pixels, but images/d.png has 64×64" in told["masks/cell/d.png"]
    assert "no mask masks/cell/c.*" in told["images/c.png"]
    assert "mask values 0, " in told["masks/cell/f.png"]
    assert told["images/j.png"].startswith("every pixel is 7")
    assert "with equal masks" in told["images/k.png, images/l.png"]
    assert told["labels/m.png"].startswith("32 pixels")  # 8×8 shifted by 2: two strips of 2×8
    assert "absent" in told["images/gone.png"]
    assert "line 3" in told["SHA256SUMS"]
    assert "classes nucleus, but masks/ holds cell" in told["dataset.yaml"]


def test_several_classes_may_lack_files_and_overlaps_are_measured(tmp_path):
    root = draw_set(tmp_path / "set", ids="abc", masks="masks/one")
    write(root, "masks/two/a.png", square(left=15))  # columns 15 to 17 of 8 rows are in both
    (root / "masks/one/c.png").unlink()
    report = check(root)
    assert found_in(report) == {
        ("warning", "overlap", ("masks/one/a.png", "masks/two/a.png")),
        ("warning", "empty mask", ("images/c.png",)),
    }
    assert by_file(report)["masks/one/a.png", "masks/two/a.png"].found.startswith("24 pixels (0.59%)")
    assert report.facts["overlap_share"] == 24 / (3 * 4096)
    assert [report.facts["classes"][name]["mask_files"] for name in ("one", "two")] == [2, 1]
    assert report.facts["classes"]["two"]["foreground_share"] == 64 / (3 * 4096)
    (root / "dataset.yaml").write_text("classes: [two, one]\n")
    assert list(check(root).facts["classes"]) == ["two", "one"]


def test_masks_may_lie_flat(tmp_path):
    root = draw_set(tmp_path / "set", ids="abc", masks="masks")
    (root / "masks/b.png").unlink()
    report = check(root)
    assert list(report.facts["classes"]) == ["foreground"]
    (root / "dataset.yaml").write_text("classes: [cell]\n")
    assert list(check(root).facts["classes"]) == ["cell"]
    assert report.facts["classes"]["foreground"]["objects"] == 2
    assert [(one.kind, one.files, one.found) for one in report.problems] == [
        ("missing mask", ("images/b.png",), "no mask masks/b.*")
    ]


def test_flat_masks_beside_class_folders_are_told(clean):
    write(clean, "masks/a.png", square())
    assert found_in(check(clean)) == {("error", "layout", ("masks/a.png",))}


def test_label_maps_separate_objects_that_touch(clean):
    touching = square(left=10) + square(left=18)
    labels = touching.astype(np.uint16)
    labels[:, 18:][labels[:, 18:] > 0] = 70  # ids need not be consecutive
    for name in "abc":
        write(clean, f"masks/cell/{name}.png", touching)
    assert check(clean).facts["classes"]["cell"]["objects"] == 3
    write(clean, "labels/a.png", labels)
    report = check(clean)
    assert report.problems == []
    assert (report.facts["classes"]["cell"]["objects"], report.facts["label_maps"]) == (4, 1)


def test_pixels_that_touch_at_a_corner_are_one_object(clean):
    mask = square(left=10)
    mask[28:32, 18:22] = 255  # below and right of the square's last pixel
    write(clean, "masks/cell/a.png", mask)
    assert check(clean).facts["classes"]["cell"]["objects"] == 3


def test_foreground_without_an_id_is_no_object(clean):
    write(clean, "masks/cell/a.png", square(left=10) + square(left=30))
    write(clean, "labels/a.png", (square(left=10) > 0).astype(np.uint16))
    report = check(clean)
    assert [(one.files, one.found[:9]) for one in report.problems] == [(("labels/a.png",), "64 pixels")]
    assert report.facts["classes"]["cell"]["objects"] == 3


def test_label_maps_of_another_size_or_without_image_are_told(clean):
    write(clean, "labels/a.png", np.ones((SIDE, 8), np.uint16))
    write(clean, "labels/alone.png", np.ones((SIDE, SIDE), np.uint16))
    assert found_in(check(clean)) == {
        ("warning", "labels", ("labels/a.png",)),
        ("warning", "labels", ("labels/alone.png",)),
    }


def test_a_damaged_image_does_not_hide_what_else_is_wrong(tmp_path):
    root = draw_set(tmp_path / "set", ids="ab", masks="masks/one")
    (root / "images/a.png").write_bytes(b"")
    write(root, "masks/two/a.png", square(size=(SIDE, 40)))
    write(root, "labels/a.png", square().astype(np.uint16))
    assert found_in(check(root)) == {
        ("error", "unreadable", ("images/a.png",)),
        ("warning", "labels", ("labels/a.png",)),
    }


def test_found_and_fix_are_those_of_the_reader_whatever_the_file_holds(clean):
    """Words of the file itself, or of its name, do not decide what the problem is and where its fix begins."""
    (clean / "images/a.png").write_bytes(b"a; b")
    write(clean, "masks/cell/damaged; b.png", noise(1))
    write(clean, "images/damaged; b.png", noise(2))
    problems = by_file(check(clean))
    unreadable, coloured = problems["images/a.png",], problems["masks/cell/damaged; b.png",]
    assert (unreadable.kind, coloured.kind) == ("unreadable", "mask values")
    assert unreadable.found == "not a readable image (4 bytes): text that begins with 'a; b'"
    assert unreadable.fix.startswith("PNG, JPEG, TIFF and BMP are read: ")
    assert coloured.found.startswith("a coloured image where a mask ")
    assert coloured.fix == "save it as one grey channel"


def test_duplicates_are_found_by_pixels_not_by_bytes_or_names(clean):
    grey = noise(0)[..., 0]
    write(clean, "images/b.png", grey)
    write(clean, "images/c.bmp", np.dstack([grey] * 3))
    (clean / "images/c.png").unlink()
    write(clean, "masks/cell/c.png", square(left=30))
    problem, leak = check(clean).problems
    assert (problem.kind, leak.kind) == ("duplicate image", "leak")  # one of the two validates by default
    assert problem.files == ("images/b.png", "images/c.bmp")
    assert "2 times, with different masks" in problem.found


def test_checksums_of_all_files_are_compared(clean):
    write(clean, "labels/a.png", (square() > 0).astype(np.uint16))
    (clean / "notes.txt").write_text("listed, but no sample")
    names = ["images/a.png", "masks/cell/b.png", "labels/a.png", "notes.txt"]
    sums = [
        f"{hashlib.sha256((clean / name).read_bytes()).hexdigest()} {mark}{name}\n"
        for name, mark in zip(names, " *  ", strict=True)
    ]
    (clean / "SHA256SUMS").write_text("".join(sums))
    report = check(clean)
    assert report.problems == []
    assert report.facts["checksums"] == {"listed": 4, "matching": 4}
    (clean / "notes.txt").write_text("changed")
    assert found_in(check(clean)) == {("error", "checksum", ("notes.txt",))}


def test_of_a_prepared_set_every_change_is_named(tmp_path):
    root = tmp_path / "set"
    write_synthetic(root, images=3, size=32)
    assert check(root).problems == []
    image, mask, labels = (f"{kind}/synthetic_001.png" for kind in ("images", "masks/nucleus", "labels"))
    write(root, image, noise(1, (32, 32)))  # changed
    (root / labels).unlink()  # missing
    write(root, "images/new.png", noise(2, (32, 32)))  # added
    write(root, "masks/nucleus/new.png", cv2.imread(str(root / mask), 0))
    found = {one.files: one.found for one in check(root).problems if one.kind == "checksum"}
    assert set(found) == {(name,) for name in (image, labels, "images/new.png", "masks/nucleus/new.png")}
    assert "absent" in found[labels,]
    assert found["images/new.png",] == "not listed in SHA256SUMS: added later"
    sums = root / "SHA256SUMS"
    sums.write_text(sums.read_text().replace(labels, "labels/other.png"))
    assert ("error", "checksum", ("SHA256SUMS",)) in found_in(check(root))
    sums.unlink()
    assert ("error", "checksum", ("SHA256SUMS",)) in found_in(check(root))


@pytest.mark.parametrize("value", ["0", "1", "-0.5", "128", "nan", "inf", "half"])
def test_a_threshold_outside_its_range_is_refused(value, clean, capsys):
    assert run_script(lambda: main([str(clean), "--mask-threshold", value]), debug=False) == 2
    assert f"error: --mask-threshold {value}: give a number between 0 and 1" in capsys.readouterr().err
    assert run_script(lambda: main([str(clean), "--mask-threshold", "0.5"]), debug=False) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="makes a name that Windows cannot have")
def test_names_that_cannot_be_shown_are_escaped(clean, tmp_path):
    for name in ("images/\udcff.png", "images/\x1b[2J.txt", "masks/\x1b[2J/a.png"):
        (clean / name).parent.mkdir(exist_ok=True)
        (clean / name).touch()
    assert run_script(lambda: main([str(clean), "--json", str(tmp_path / "report.json")]), debug=False) == 3
    assert found_in(check(clean)) == {
        ("error", "name", (r"images/\udcff.png",)),
        ("error", "classes", (r"masks/\x1b[2J",)),
        ("warning", "ignored file", (r"images/\x1b[2J.txt",)),
    }


def test_an_empty_folder_and_none(tmp_path):
    (tmp_path / "set").mkdir()
    report = check(tmp_path / "set")
    assert found_in(report) == {("error", "layout", (".",))}
    assert "data.crop" in report.text()
    assert json.loads(report.json())["facts"]["sizes"] is None
    with pytest.raises(DataError, match="none: no such folder"):
        check(tmp_path / "none")


def test_a_description_that_is_no_yaml_is_one_problem(clean):
    (clean / "dataset.yaml").write_text("classes: [cell\n")
    assert found_in(check(clean)) == {("error", "classes", ("dataset.yaml",))}


@pytest.mark.parametrize(
    ("radius", "side", "crop"),
    [
        (10, 512, 160),  # 8 × 20 = 160
        (4, 128, 64),  # 8 × 8 = 64
        (2, 128, 64),  # 8 × 4 = 32, but at least 64
        (16, 200, 192),  # 8 × 32 = 256, but images of 200 hold 192
        (50, 700, 512),  # 8 × 100 = 800, but at most 512
        (8, 60, None),  # no crop of 64 fits
    ],
)
def test_the_suggested_crop_is_eight_diameters_of_drawn_discs(tmp_path, radius, side, crop):
    mask = np.zeros((side, side + 10), np.uint8)
    rows, columns = np.indices(mask.shape)
    mask[np.hypot(rows - side // 2, columns - side // 2) < radius] = 255
    write(tmp_path, "images/a.png", noise(0, mask.shape))
    write(tmp_path, "masks/cell/a.png", mask)
    facts = check(tmp_path).facts
    assert facts["suggested_crop"] == crop
    assert facts["suggested_crop_reason"]
    assert facts["classes"]["cell"]["diameter"]["median"] == pytest.approx(2 * radius, abs=1)


def test_the_class_of_the_largest_objects_decides_the_crop():
    crop, reason = suggest_crop({"small": 9.0, "large": 24.0}, 256.0)
    assert crop == 192
    assert "large (24.0 pixels)" in reason
    assert suggest_crop({}, 256.0)[0] is None
