"""The command for label maps: many files, hostile names, damaged files, missing packages, large maps."""

import errno
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tifffile
from support.cell_maps import discs
from support.imported_sets import png

from images.labels import label_file
from inference.other_tools import __main__ as command
from inference.other_tools import formats as table
from inference.other_tools.formats import FORMATS, require_packages
from system.errors import ConfigError
from system.files import write_bytes

ROOT = Path(__file__).resolve().parents[3]
FREE = [name for name, kind in FORMATS.items() if kind.package is None]
USABLE = [name for name, kind in FORMATS.items() if kind.package is None or find_spec(kind.package)]
HOSTILE = ["<b>bold</b>", 'a"b', "a,b;c", "it's {0} %s", "Zelle ☃ 細胞", "-x", "a b", "A01/i0"]


def write_maps(folder, names=("a", "B/b"), *, ending=".tif"):
    """One map of discs for each name."""
    for number, name in enumerate(names):
        path = folder / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = discs(3 + number).astype(np.uint16)
        path.write_bytes(png(labels)) if ending.endswith("png") else tifffile.imwrite(path, labels)
    return folder


def files_below(folder):
    """All files; a folder of OME-Zarr counts as one."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name.split(".zarr/")[0] + ".zarr" if ".zarr/" in name else name for name in found}


def test_all_formats_of_a_folder(run_main, tmp_path):
    arguments = (write_maps(tmp_path / "labels"), "--format", *USABLE, "--out", tmp_path / "out")
    code, out, err = run_main(command, *arguments)
    assert (code, err) == (0, "")
    assert f"wrote   {', '.join(USABLE)} of 2 label maps" in out
    singles = [kind for name, kind in FORMATS.items() if name in USABLE and not kind.whole]
    expected = {kind.file.format(name) for kind in singles for name in ("a", "B/b")} | {"coco.json"}
    assert files_below(tmp_path / "out") == expected
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["B/b.tif", "a.tif"]
    assert len(content["annotations"]) == 3 + 4


def test_hostile_names(run_main, tmp_path):
    labels = write_maps(tmp_path / "labels", HOSTILE)
    code, _, err = run_main(command, labels, "--format", *USABLE, "--out", tmp_path / "out")
    assert code == 0, err
    assert {f"geojson/{name}.geojson" for name in HOSTILE} <= files_below(tmp_path / "out")
    content = json.loads((tmp_path / "out" / "coco.json").read_text(encoding="utf-8"))
    assert sorted(image["file_name"] for image in content["images"]) == sorted(f"{name}.tif" for name in HOSTILE)


def test_empty_maps_alone(run_main, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((7, 9), np.uint16))
    code, _, err = run_main(command, tmp_path / "a.tif", "--format", *USABLE, "--out", tmp_path / "out")
    assert code == 0, err
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert content["annotations"] == []
    assert content["images"] == [{"id": 1, "file_name": "a.tif", "height": 7, "width": 9}]
    assert json.loads((tmp_path / "out/geojson/a.geojson").read_text())["features"] == []


def test_a_rerun_writes_what_is_missing_or_old(run_main, tmp_path):
    labels, out = write_maps(tmp_path / "labels"), tmp_path / "out"
    words = (labels, "--out", out, "--format")
    assert run_main(command, *words, "geojson")[0] == 0
    kept = {name: (out / name).stat().st_mtime_ns for name in ("geojson/a.geojson", "geojson/B/b.geojson")}
    later = kept["geojson/a.geojson"] + 10**9
    os.utime(labels / "a.tif", ns=(later, later))
    assert run_main(command, *words, "geojson", "cellpose")[0] == 0
    assert (out / "cellpose/B/b_cp_masks.tif").exists()
    changed = {name for name, time in kept.items() if (out / name).stat().st_mtime_ns != time}
    assert changed == {"geojson/a.geojson"}


def test_names_of_the_images(run_main, tmp_path):
    """The label maps have the ending of Cellpose, and the files are named after the images."""
    labels = write_maps(tmp_path / "labels", ["a_cp_masks", "B/b_cp_masks"], ending=".png")
    images = write_maps(tmp_path / "images")
    words = (labels, "--images", images, "--format", *FREE, "--class-name", "nucleus", "--out", tmp_path / "out")
    code, _, err = run_main(command, *words)
    assert code == 0, err
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["B/b.tif", "a.tif"]
    assert content["categories"] == [{"id": 1, "name": "nucleus"}]
    assert (tmp_path / "out/cellpose/B/b_cp_masks.tif").exists()
    (images / "a.tif").unlink()
    code, _, err = run_main(command, *words)
    assert code == 2
    assert "its image a_cp_masks is not in" in err or "its image a is not in" in err


def test_a_damaged_map_is_named_and_the_others_are_done(run_main, tmp_path):
    labels = write_maps(tmp_path / "labels")
    (labels / "bad.tif").write_bytes(b"II*\0")
    (labels / "notes.txt").write_text("no label map")
    code, _, err = run_main(command, labels, "--format", *FREE, "--out", tmp_path / "out")
    assert code == 3
    assert "1 label maps could not be used" in err
    assert "bad.tif" in err
    content = json.loads((tmp_path / "out" / "coco.json").read_text())
    assert [image["file_name"] for image in content["images"]] == ["B/b.tif", "a.tif"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"geojson", "cellpose", "coco.json"}


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda folder: None, "it does not exist"),
        (lambda folder: folder.mkdir(), "no label maps there"),
        (lambda folder: write_bytes(folder / "a\nb.tif", b""), "its name cannot name results"),
        (lambda folder: write_maps(folder, ["a"]) and write_maps(folder, ["a"], ending=".png"), "rename one"),
    ],
)
def test_inputs_that_are_refused(make, text, run_main, tmp_path):
    make(tmp_path / "labels")
    code, _, err = run_main(command, tmp_path / "labels", "--format", "coco", "--out", tmp_path / "out")
    assert code == 2
    assert text in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", USABLE)
def test_a_folder_without_write_permission(kind, run_main, tmp_path, monkeypatch):
    """Rights do not hold for root, so that the system's call refuses here."""
    out, mkdir = tmp_path / "out", os.mkdir
    out.mkdir()

    def refuse(path, *arguments):
        if str(path).startswith(str(out)) and not Path(path).exists():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        mkdir(path, *arguments)

    labels = write_maps(tmp_path / "labels")
    monkeypatch.setattr(os, "mkdir", refuse)
    code, _, err = run_main(command, labels, "--format", kind, "--out", out)
    assert code == 6
    assert str(out) in err
    assert "access rights" in err
    monkeypatch.undo()  # the control
    assert run_main(command, labels, "--format", kind, "--out", out)[0] == 0


def test_a_file_in_the_place_of_the_folder_of_results(run_main, tmp_path):
    (tmp_path / "taken").write_text("a file of somebody")
    for out in (tmp_path / "taken", tmp_path / "taken" / "out"):
        code, _, err = run_main(command, write_maps(tmp_path / "labels"), "--format", "coco", "--out", out)
        assert code == 2
        assert f"--out {out}: {tmp_path / 'taken'} is a file" in err
        assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["roi", "omezarr"])
def test_a_missing_package_is_one_line_of_advice(name, run_main, tmp_path, monkeypatch):
    monkeypatch.setattr(table, "find_spec", lambda package: None)
    code, _, err = run_main(command, write_maps(tmp_path / "labels"), "--format", name, "--out", tmp_path / "out")
    assert code == 2
    assert f"{name} needs the package" in err
    assert f'python -m pip install "{FORMATS[name].install}"' in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    require_packages(FREE)  # the control
    with pytest.raises(ConfigError):
        require_packages([name])


def test_the_requirements_name_the_packages():
    lines = (ROOT / "requirements-formats.txt").read_text(encoding="utf-8").splitlines()
    for name, kind in FORMATS.items():
        assert kind.package is None or any(line.startswith(kind.package) for line in lines), name


def test_maps_in_files_give_the_same_bytes(run_main, tmp_path, monkeypatch):
    labels = write_maps(tmp_path / "labels")
    assert run_main(command, labels, "--format", *FREE, "--out", tmp_path / "1")[0] == 0
    monkeypatch.setattr(label_file, "ABOVE", 10)
    assert run_main(command, labels, "--format", *FREE, "--out", tmp_path / "2")[0] == 0
    assert files_below(tmp_path / "1") == files_below(tmp_path / "2")
    for name in files_below(tmp_path / "1"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("kind", USABLE)
def test_a_hundred_thousand_cells(kind, run_main, tmp_path):
    labels = discs(100_000)
    tifffile.imwrite(tmp_path / "a.tif", labels.astype(np.uint32), compression="zlib")
    code, _, err = run_main(command, tmp_path / "a.tif", "--format", kind, "--out", tmp_path / "out")
    assert code == 0, err
    if kind == "coco":
        found = json.loads((tmp_path / "out" / "coco.json").read_text())["annotations"]
        assert [one["area"] for one in found] == np.bincount(labels.ravel())[1:].tolist()
    if kind == "geojson":
        found = json.loads((tmp_path / "out/geojson/a.geojson").read_text())["features"]
        areas = {int(one["properties"]["name"]): one["properties"]["measurements"]["area"] for one in found}
        assert [areas[label] for label in range(1, 100_001)] == np.bincount(labels.ravel())[1:].tolist()


def test_help_loads_nothing_heavy():
    words = [sys.executable, "-X", "importtime", "-m", "inference.other_tools", "--help"]
    helped = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "--class-name" in helped.stdout
    loaded = {line.rsplit("|", 1)[1].strip() for line in helped.stderr.splitlines() if "|" in line}
    assert "argparse" in loaded
    assert not loaded & {"torch", "numpy", "cv2", "scipy", "tifffile", "tqdm", "zarr", "roifile"}
