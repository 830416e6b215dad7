"""The check of a data folder: planted faults are found and nothing else, facts are those of the drawing."""

import hashlib
import json
import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.check.__main__ import main
from datasets.check.folder import check
from datasets.check.report import Report
from datasets.facts import suggest_crop
from datasets.folder.problems import ERRORS, WARNINGS, Problem
from datasets.prepare.synthetic import write_synthetic
from system.errors import DataError, run_script

SIDE = 64


def noise(seed, size=(SIDE, SIDE)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def square(left=10, side=8, size=(SIDE, SIDE)):
    mask = np.zeros(size, np.uint8)
    mask[20 : 20 + side, left : left + side] = 255
    return mask


def write(root, name, array):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(root / name), array)


def draw_set(root, ids="abcdefghijklmnop", masks="masks/cell"):
    """Images of noise, each with one square of 8×8 pixels."""
    for seed, name in enumerate(ids):
        write(root, f"images/{name}.png", noise(seed))
        write(root, f"{masks}/{name}.png", square())
    return root


def found_in(report):
    return {(one.severity, one.kind, one.files) for one in report.problems}


def by_file(report):
    return {one.files: one for one in report.problems}


@pytest.fixture
def clean(tmp_path):
    return draw_set(tmp_path / "set", ids="abc")


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


def plant(root):
    """Plants a fault of every kind that one class can have; returns (severity, kind, files) of each."""
    cell = "masks/cell"
    (root / "images/a.png").write_bytes(b"no image")
    whole = (root / f"{cell}/b.png").read_bytes()
    (root / f"{cell}/b.png").write_bytes(whole[: len(whole) // 2])
    (root / f"{cell}/c.png").unlink()
    write(root, f"{cell}/alone.png", square())
    write(root, f"{cell}/d.png", square(size=(SIDE, SIDE - 2)))
    write(root, "images/e.bmp", noise(4))
    write(root, f"{cell}/f.png", cv2.GaussianBlur(square(), (5, 5), 0))
    spoilt = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    spoilt[3, 4] = np.nan
    (root / "images/g.png").unlink()
    write(root, "images/g.tif", spoilt)
    write(root, f"{cell}/h.png", np.dstack([square(), square(left=30), square()]))
    write(root, f"{cell}/i.png", np.zeros((SIDE, SIDE), np.uint8))
    write(root, "images/j.png", np.full((SIDE, SIDE, 3), 7, np.uint8))
    write(root, "images/l.png", noise(10))  # that of k
    write(root, "labels/m.png", square(left=12).astype(np.uint16))
    write(root, f"{cell}/n.png", np.full((SIDE, SIDE), 255, np.uint8))
    (root / "images/notes.txt").write_text("of no use")
    (root / "SHA256SUMS").write_text(f"{'0' * 64}  images/o.png\n{'0' * 64}  images/gone.png\nsix words of no digest\n")
    (root / "dataset.yaml").write_text("classes: [nucleus]\n")
    return {
        ("error", "unreadable", ("images/a.png",)),
        ("error", "unreadable", (f"{cell}/b.png",)),
        ("error", "missing mask", ("images/c.png",)),
        ("error", "extra mask", (f"{cell}/alone.png",)),
        ("error", "size", (f"{cell}/d.png",)),
        ("error", "duplicate stem", ("images/e.bmp", "images/e.png")),
        ("error", "mask values", (f"{cell}/f.png",)),
        ("error", "pixel values", ("images/g.tif",)),
        ("error", "mask values", (f"{cell}/h.png",)),
        ("warning", "empty mask", (f"{cell}/i.png",)),
        ("warning", "constant image", ("images/j.png",)),
        ("warning", "duplicate image", ("images/k.png", "images/l.png")),
        ("warning", "labels", ("labels/m.png",)),
        ("warning", "full mask", (f"{cell}/n.png",)),
        ("warning", "ignored file", ("images/notes.txt",)),
        ("error", "checksum", ("images/o.png",)),
        ("error", "checksum", ("images/gone.png",)),
        ("error", "checksum", ("SHA256SUMS",)),
        ("error", "classes", ("dataset.yaml",)),
    }


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


def test_the_text_shows_each_problem_with_its_fix_below(tmp_path):
    root = draw_set(tmp_path / "set")
    plant(root)
    report = check(root)
    lines = report.text().splitlines()
    for one in report.problems:
        assert f"  {', '.join(one.files)}: {one.found}" in lines
        assert f"    fix: {one.fix}" in lines
    assert "error: checksum (3)" in lines
    assert lines[-1] == "13 errors, 6 warnings"


def test_many_problems_of_a_kind_are_cut_in_the_text_only(tmp_path):
    root = draw_set(tmp_path / "set")
    for path in (root / "masks/cell").glob("[a-m].png"):
        path.unlink()
    report = check(root)
    text = report.text()
    assert len(report.problems) == len(json.loads(report.json())["problems"]) == 13
    assert text.count("no mask") == 10
    assert "  … and 3 more\n" in text


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


def class_maps(root, ids="abc"):
    """Class maps with two classes of 64 pixels each, and a row of void."""
    for seed, name in enumerate(ids):
        pixels = square() // 255 * 7 + square(left=30) // 255 * 9
        pixels[0] = 200
        write(root, f"images/{name}.png", noise(seed))
        write(root, f"masks/{name}.png", pixels)
    (root / "dataset.yaml").write_text("classes: [background, cell, gap]\npalette: [0, 7, 9]\nvoid: 200\n")
    return root


def test_class_maps_are_understood(tmp_path):
    report = check(class_maps(tmp_path / "set"))
    assert report.problems == []
    assert list(report.facts["classes"]) == ["cell", "gap"]
    for of in report.facts["classes"].values():
        assert (of["mask_files"], of["with_foreground"], of["objects"]) == (3, 3, 3)
        assert of["foreground_share"] == 64 / 4096
    assert report.facts["overlap_share"] == 0


def test_what_is_wrong_with_class_maps(tmp_path):
    root = class_maps(tmp_path / "set", ids="abcdef")
    write(root, "masks/a.png", square() // 255 * 8)
    write(root, "masks/b.png", square()[:60] // 255 * 7)
    write(root, "masks/c.png", 0 * square())
    (root / "masks/d.png").write_bytes(b"none")
    (root / "masks/e.png").unlink()
    report = check(root)
    assert found_in(report) == {
        ("error", "mask values", ("masks/a.png",)),
        ("error", "size", ("masks/b.png",)),
        ("error", "unreadable", ("masks/d.png",)),
        ("error", "missing mask", ("images/e.png",)),
        ("warning", "empty mask", ("masks/c.png",)),
    }
    found = by_file(report)["masks/a.png",]
    assert "8 in 64 pixels" in found.found
    assert "add them to classes and palette" in found.fix
    (root / "dataset.yaml").write_text("classes: [background, cell]\npallete: [0, 7]\n")
    told = {one.kind: one.found for one in check(root).problems}
    assert "unknown key 'pallete'; did you mean 'palette'?" in told["classes"]


def test_a_palette_needs_class_maps(clean):
    (clean / "dataset.yaml").write_text("classes: [cell, x]\npalette: [0, 7]\n")
    assert found_in(check(clean)) == {("error", "classes", ("dataset.yaml",))}


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
    assert found_in(report) == {("error", "layout", ("images",)), ("error", "layout", ("masks",))}
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


def test_every_kind_has_one_severity():
    assert len(set(ERRORS + WARNINGS)) == len(ERRORS) + len(WARNINGS)
    assert Problem(ERRORS[0], (), "", "").severity == "error"
    assert Problem(WARNINGS[0], (), "", "").severity == "warning"
    assert Report("x", {}, [Problem(WARNINGS[0], (), "", ""), Problem(ERRORS[0], (), "", "")]).errors == 1


def test_the_report_does_not_depend_on_the_order_of_the_directory(tmp_path, monkeypatch):
    root = draw_set(tmp_path / "set")
    plant(root)
    before = check(root)
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda self, pattern: reversed(sorted(glob(self, pattern))))
    after = check(root)
    assert (after.text(), after.json()) == (before.text(), before.json())


def test_json_and_exit_code_with_warnings_only(clean, tmp_path, capsys):
    write(clean, "masks/cell/b.png", np.zeros((SIDE, SIDE), np.uint8))
    file = tmp_path / "out" / "report.json"
    assert run_script(lambda: main([str(clean), "--json", str(file)]), debug=False) == 0
    shown = capsys.readouterr()
    assert "0 errors, 1 warning" in shown.out
    content = json.loads(file.read_text(encoding="utf-8"))
    assert list(content) == ["folder", "notes", "facts", "problems"]
    assert content["folder"] == str(clean)
    assert content["facts"]["classes"]["cell"]["with_foreground"] == 2
    (problem,) = content["problems"]
    assert list(problem) == ["severity", "kind", "files", "found", "fix"]
    assert (problem["severity"], problem["files"]) == ("warning", ["masks/cell/b.png"])


def test_exit_code_and_json_with_errors(clean, tmp_path, capsys):
    (clean / "masks/cell/b.png").unlink()
    file = tmp_path / "report.json"
    assert run_script(lambda: main([str(clean), "--json", str(file)]), debug=False) == 3
    shown = capsys.readouterr()
    assert "error: missing mask (1)\n  images/b.png: no mask masks/cell/b.*\n    fix: " in shown.out
    assert shown.err.startswith(f"error: {clean}: ")
    assert json.loads(file.read_text(encoding="utf-8"))["problems"][0]["kind"] == "missing mask"


def test_help_imports_nothing_heavy():
    root = Path(__file__).resolve().parents[3]
    code = (
        "import sys, datasets.check.__main__; print([name for name in ('cv2', 'numpy', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
