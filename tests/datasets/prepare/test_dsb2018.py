"""The 2018 Data Science Bowl: a tiny source built here, with expectations counted by hand, and the real archive."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from support.imported_sets import as_folder, as_zip, png, stored, tree

from datasets.prepare.__main__ import main
from datasets.prepare.dsb2018 import find_entries, parse_size, prepare, prepare_entry
from datasets.prepare.source import Source
from system.errors import ConfigError, DataError, FileError, run_script

ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data" / "stage1_train.zip"
RGBA = (10, 120, 230, 255)
JUNK = ("__MACOSX/stage1_train/a/images/._a.png", "__MACOSX/a/images/copy.png", "stage1_train/.DS_Store")
JUNK = dict.fromkeys((*JUNK, "stage1_train/a/masks/._0.png", "stage1_train/a/readme.txt"), b"of no use")


def colour(height, width):
    red, green, blue, alpha = RGBA
    return png(np.full((height, width, 4), (blue, green, red, alpha), np.uint8))  # OpenCV's own order


def nucleus(height, width, rows, columns):
    mask = np.zeros((height, width), np.uint8)
    mask[rows, columns] = 255
    return png(mask)


def three_samples():
    """`a` has a nucleus of 6 pixels inside one of 120; `b` one of a single pixel; `c` two apart and no alpha."""
    return {
        "a/images/a.png": colour(20, 30),
        "a/masks/0.png": nucleus(20, 30, slice(4, 6), slice(5, 8)),
        "a/masks/1.png": nucleus(20, 30, slice(2, 12), slice(3, 15)),
        "b/images/b.png": colour(16, 16),
        "b/masks/x.png": nucleus(16, 16, 3, 3),
        "b/masks/y.png": nucleus(16, 16, slice(8, 16), slice(8, 16)),
        "c/images/c.png": png(np.full((24, 40), 77, np.uint8)),
        "c/masks/p.png": nucleus(24, 40, slice(0, 4), slice(0, 5)),
        "c/masks/q.png": nucleus(24, 40, slice(20, 24), slice(30, 40)),
    }


def labels_of(folder, sample_id):
    return stored(folder / "labels" / f"{sample_id}.png")


@pytest.fixture
def source(tmp_path):
    return as_zip(tmp_path / "source.zip", three_samples())


@pytest.mark.slow
def test_zip_and_folder_with_or_without_leading_folder_and_any_number_of_workers_give_the_same_bytes(tmp_path):
    files = three_samples()
    leading = {f"stage1_train/{name}": content for name, content in files.items()}
    backwards = dict(reversed(list(leading.items())))
    prepare(as_zip(tmp_path / "plain.zip", files), tmp_path / "1", workers=1)
    prepare(as_zip(tmp_path / "leading.zip", {**JUNK, **backwards}), tmp_path / "2", workers=2)
    prepare(as_folder(tmp_path / "unpacked", {**leading, **JUNK}), tmp_path / "3", workers=1)
    prepare(tmp_path / "unpacked" / "stage1_train", tmp_path / "4", workers=1)
    expected = tree(tmp_path / "1")
    assert len(expected) == 3 * 3 + 2
    for other in "234":
        assert tree(tmp_path / other) == expected


def test_description_and_checksums(source, tmp_path):
    prepare(source, tmp_path / "out", workers=1)
    files = tree(tmp_path / "out")
    about = yaml.safe_load(files.pop("dataset.yaml"))
    sums = files.pop("SHA256SUMS")
    assert about.pop("sha256sums") == hashlib.sha256(sums).hexdigest()
    assert "BBBC038v1" in about.pop("source")
    assert about.pop("notes") == {"images": 3, "nuclei": 6}
    assert about == {"name": "dsb2018", "classes": ["nucleus"], "licence": "CC0-1.0"}
    assert sums.decode() == "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def test_images_become_rgb_in_their_own_channel_order(source, tmp_path):
    prepare(source, tmp_path / "out", workers=1)
    assert np.array_equal(stored(tmp_path / "out/images/a.png")[..., ::-1], np.full((20, 30, 3), RGBA[:3]))
    assert np.array_equal(stored(tmp_path / "out/images/c.png"), np.full((24, 40, 3), 77))


def test_an_overlapped_smaller_nucleus_survives_and_ids_follow_the_file_names(source, tmp_path):
    summary = prepare(source, tmp_path / "out", workers=1)
    labels = labels_of(tmp_path / "out", "a")
    assert labels.dtype == np.uint16
    assert np.bincount(labels.ravel()).tolist() == [20 * 30 - 120, 6, 114]
    assert (labels[4:6, 5:8] == 1).all()
    mask = stored(tmp_path / "out/masks/nucleus/a.png")
    assert (mask == np.where(labels > 0, 255, 0)).all()
    assert (summary.images, summary.nuclei, summary.lost, summary.undrawn) == (3, 6, 0, ())
    assert summary.sizes == ((16, 16), (20, 30), (24, 40))


def test_masks_that_cannot_be_drawn_are_counted_and_named(tmp_path):
    files = three_samples()
    files["a/masks/00.png"] = nucleus(20, 30, slice(0, 0), slice(0, 0))
    files["a/masks/2.png"] = files["a/masks/0.png"]  # the same pixels again: of equals the later is on top
    summary = prepare(as_zip(tmp_path / "source.zip", files), tmp_path / "out", workers=1)
    assert summary.undrawn == ("a/masks/0.png", "a/masks/00.png")
    assert summary.nuclei == 6
    assert "masks that are empty or hidden under other nuclei: 2 (a/masks/0.png" in str(summary)
    assert set(np.unique(labels_of(tmp_path / "out", "a"))) == {0, 3, 4}


@pytest.mark.slow
def test_size_resizes_all_and_counts_the_nuclei_that_vanish(source, tmp_path, capsys):
    main(["dsb2018", "--source", str(source), "--out", str(tmp_path / "out"), "--size", "4x8"])
    for folder, shape in (("images", (4, 8, 3)), ("masks/nucleus", (4, 8)), ("labels", (4, 8))):
        for path in (tmp_path / "out" / folder).iterdir():
            assert stored(path).shape == shape
    # Of `b`, rows 2, 6, 10, 14 are at the new pixels' centres: the nucleus in row 3 falls between them.
    assert np.bincount(labels_of(tmp_path / "out", "b").ravel()).tolist() == [4 * 8 - 2 * 4, 0, 2 * 4]
    notes = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())["notes"]
    written = sum(np.count_nonzero(np.unique(labels_of(tmp_path / "out", name))) for name in "abc")
    assert notes == {"images": 3, "nuclei": written, "size": [4, 8], "nuclei_lost": 6 - written}
    out, err = capsys.readouterr()
    assert f"nuclei: {written}\nsizes in the source: 16x16 to 24x40 (HxW)\nresized to 4x8, which lost" in out
    assert err == ""


@pytest.mark.parametrize("side", [24, 96])
def test_image_and_mask_keep_one_centroid_when_resized(tmp_path, side):
    image = np.zeros((60, 80, 3), np.uint8)
    image[20:47, 30:51] = 255
    files = {"s/images/s.png": png(image), "s/masks/0.png": nucleus(60, 80, slice(20, 47), slice(30, 51))}
    prepare(as_zip(tmp_path / "source.zip", files), tmp_path / "out", size=(side, side), workers=1)
    expected = (33.5 / 60 * side - 0.5, 40.5 / 80 * side - 0.5)
    for folder, tolerance in (("images", 0.05), ("masks/nucleus", 0.3), ("labels", 0.3)):
        values = stored(tmp_path / "out" / folder / "s.png").astype(float)
        values = values.reshape(side, side, -1)[..., 0]
        centroid = [(grid * values).sum() / values.sum() for grid in np.indices(values.shape)]
        assert centroid == pytest.approx(expected, abs=tolerance), folder


BROKEN = {
    "image without masks": (
        {"d/images/d.png": colour(4, 4)},
        r"d/images/d\.png: images .* 1, masks: 0; one image and",
    ),
    "masks without image": (
        {"d/masks/0.png": nucleus(4, 4, 1, 1)},
        r"d/masks/0\.png: images .* 0, masks: 1; one image and",
    ),
    "two images": ({"a/images/z.png": colour(20, 30)}, r"a/images/a\.png: images .* 2, masks: 2; one image and"),
    "other size": (
        {"b/masks/z.png": nucleus(16, 15, 1, 1)},
        r"b/masks/z\.png: the mask has 16x15 pixels \(HxW\), but its image has 16x16",
    ),
    "unreadable mask": ({"b/masks/y.png": b"no PNG"}, r"b/masks/y\.png: not a readable image"),
    "unreadable image": ({"b/images/b.png": colour(16, 16)[:60]}, r"b/images/b\.png: not a readable image"),
    "unsafe id": ({"d e/images/d.png": colour(4, 4)}, r"the id 'd e' cannot name a file"),
    "id with a dot in front": ({".d/images/d.png": colour(4, 4)}, r"the id '\.d' cannot name a file"),
    "way out of the folder": ({"../images/d.png": colour(4, 4)}, r"the entry '\.\./images/d\.png' leads out of"),
    "a device of Windows": ({"NUL/images/d.png": colour(4, 4)}, r"the id 'NUL' cannot name a file"),
}


@pytest.mark.parametrize(("changes", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_an_unusable_entry_is_named_and_nothing_is_left(tmp_path, changes, message):
    source = as_zip(tmp_path / "source.zip", {**three_samples(), **changes})
    with pytest.raises(DataError, match=message):
        prepare(source, tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["source.zip"]


@pytest.mark.slow
@pytest.mark.parametrize(("position", "damage", "workers"), [(0, b"\xff", 1), (5, bytes(9), 2)])
def test_a_damaged_entry_is_named_by_this_process_and_by_others(source, tmp_path, position, damage, workers):
    with zipfile.ZipFile(source) as archive:
        entry = archive.getinfo("b/masks/x.png")
    content = bytearray(source.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename) + position  # 30: a zip entry's header without its name
    content[start : start + len(damage)] = damage
    source.write_bytes(content)
    with pytest.raises(DataError, match=r"source\.zip/b/masks/x\.png: cannot be read .*download"):
        prepare(source, tmp_path / "out", workers=workers)
    assert [path.name for path in tmp_path.iterdir()] == ["source.zip"]


def test_an_unreadable_file_is_reported_by_another_process_with_its_fields(tmp_path):
    source = as_zip(tmp_path / "source.zip", {**three_samples(), "b/masks/y.png": b"no PNG"})
    with pytest.raises(FileError) as caught:
        prepare(source, tmp_path / "out", workers=2)
    assert caught.value.file == str(source / "b/masks/y.png")
    assert caught.value.kind == "unreadable"
    assert str(caught.value).startswith(f"{source}/b/masks/y.png: not a readable image (6 bytes)")


def test_all_faults_are_named_at_once_and_counted(tmp_path):
    files = {name: content for number in range(12) for name, content in {f"d{number}/images/d.png": b""}.items()}
    with pytest.raises(DataError) as caught:
        prepare(as_zip(tmp_path / "source.zip", files), tmp_path / "out", workers=1)
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{tmp_path}/source.zip: 12 problems"
    assert len(lines) == 1 + 10 + 1
    assert lines[-1] == "  … and 2 more"


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_the_archive_of_the_whole_competition_says_what_to_do(tmp_path, kind):
    inner = as_zip(tmp_path / "inner.zip", three_samples()).read_bytes()
    files = {"sub/stage1_train.zip": inner, "sub/stage1_test.zip": b"PK"}
    source = tmp_path / "data-science-bowl-2018.zip"
    source = as_zip(source, files) if kind == "zip" else as_folder(tmp_path / "unpacked", files)
    in_zip = r"unzip data-science-bowl-2018\.zip sub/stage1_train\.zip\)"
    advice = in_zip if kind == "zip" else r"contains sub/stage1_train\.zip"
    with pytest.raises(DataError, match=rf"{advice}.* give --source .*stage1_train\.zip"):
        prepare(source, tmp_path / "out", workers=1)


def test_an_interrupted_import_leaves_nothing(source, tmp_path):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.prepare.dsb2018.write_sample", stop)
        with pytest.raises(KeyboardInterrupt):
            prepare(source, tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["source.zip"]


NO_SOURCE = {
    "missing.zip": "no such file or folder; give --source",
    "empty": "contains nothing of this data set; expected <id>/images",
    "cut.zip": "neither a folder nor a whole zip archive",
}


@pytest.mark.parametrize("name", NO_SOURCE)
def test_a_source_that_is_none(source, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.zip").write_bytes(source.read_bytes()[:-40])
    with pytest.raises(DataError, match=f"{name}: {NO_SOURCE[name]}"):
        prepare(tmp_path / name, tmp_path / "out", workers=1)


def test_exit_codes(source, tmp_path, capsys):
    used = as_folder(tmp_path / "used", {"mine.txt": b"keep"})
    command = ["dsb2018", "--out", str(used), "--source"]
    assert run_script(partial(main, [*command, str(tmp_path / "missing.zip")])) == 3
    assert run_script(partial(main, [*command, str(source), "--size", "big"])) == 2
    assert run_script(partial(main, [*command, str(source)])) == 2
    error = capsys.readouterr().err
    assert "error: --size big: give one number" in error
    assert "nothing is overwritten" in error
    assert tree(used) == {"mine.txt": b"keep"}
    with pytest.raises(SystemExit, match="2"):
        main(["unheard-of", *command[1:], str(source)])


def test_sizes():
    assert (parse_size("96"), parse_size("96x128")) == ((96, 96), (96, 128))
    for text in ("", "0", "-3", "96x", "x96", "96x0", "9.5", "96,128", "96x96x3", "10000", "٣", "96\n"):
        with pytest.raises(ConfigError, match="--size"):
            parse_size(text)


def test_the_command_imports_nothing_heavy_until_it_works():
    code = "import sys, datasets.prepare.__main__; print({'cv2', 'numpy', 'tqdm', 'yaml'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.skipif(not REAL.exists(), reason="the real archive, ../shared/data/stage1_train.zip, is not there")
def test_the_real_archive_arrives_whole(tmp_path):
    """Prepares its first five images, or all of them with RUN_REAL_DATA=1 (a minute)."""
    source = Source(REAL)
    entries = find_entries(source.names(), REAL)
    assert (len(entries), sum(len(entry.masks) for entry in entries)) == (664, 28_986)
    for entry in entries if os.environ.get("RUN_REAL_DATA") == "1" else entries[:5]:
        written = prepare_entry(source, entry, folder=tmp_path, size=None)
        ids = np.unique(labels_of(tmp_path, entry.sample_id))
        assert ids.tolist() == list(range(len(entry.masks) + 1))
        assert (written.nuclei, written.undrawn) == (len(entry.masks), ())
