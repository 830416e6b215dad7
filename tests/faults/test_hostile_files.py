"""Files that try to execute something or to write outside their folder are refused, wherever files are read."""

import io
import os
import pickle
import stat
import zipfile

import numpy as np
import pytest
import torch
from support.image_files import pil

import predict
import train
import val
from datasets.check.folder import check
from datasets.prepare.dsb2018 import prepare
from datasets.split import SplitRule
from datasets.survey import load_training_data
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from engine.schema.config_file import load_config
from images.reading import decode_image
from saved_run import load_run
from system.errors import DataError, ReportedError
from system.names import fault_of
from tasks.binary import Binary


class Payload:
    """Creates the file `executed` when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def tree(folder):
    """Everything below `folder`, apart from caches."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def trained(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    return tmp_path / "outputs" / "small"


def pickled(payload, how):
    buffer = io.BytesIO()
    if how == "zip":
        torch.save({"format": 1, "model": payload}, buffer)
    elif how == "legacy":
        torch.save(payload, buffer, _use_new_zipfile_serialization=False)
    else:
        buffer.write(pickle.dumps(payload, protocol=int(how)))
    return buffer.getvalue()


KINDS = ("zip", "legacy", "0", "2", "4")


@pytest.mark.filterwarnings("ignore:Detected pickle protocol:UserWarning")
def test_pickles_execute_nothing(run_main, small_config, trained, tmp_path, tell):
    mark, doors = tmp_path / "executed", 0
    images = tmp_path / "inputs" / "small" / "images"
    pickle.loads(pickled(Payload(mark), "2")).close()
    assert mark.exists()  # the control: it is harmful where nothing is done against it
    mark.unlink()
    for how in KINDS:
        content = pickled(Payload(mark), how)
        for name in ("best.pth", "last.pth"):
            (trained / name).write_bytes(content)
        (tmp_path / "stranger.pth").write_bytes(content)
        before = tree(tmp_path)
        for script, arguments in (
            (val, ["--run", trained]),
            (predict, ["--run", trained, "--input", images, "--out", tmp_path / "out"]),
            (train, ["--config", small_config, "name=other", "model.weights=stranger.pth"]),
        ):
            code, _, err = run_main(script, *arguments)
            assert code == 3, (how, script, err)
            assert ".pth: " in err
            doors += 1
        with pytest.raises(ReportedError):
            load_checkpoint(trained / "last.pth")
        assert tree(tmp_path) == before
    assert not mark.exists()
    tell("malicious pickles", doors + len(KINDS), "exit 3, nothing executed, nothing written")


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg"])
def test_npy_and_pickles_named_as_images_are_refused(suffix, tmp_path, tell):
    mark = tmp_path / "executed"
    buffer = io.BytesIO()
    np.save(buffer, np.array([Payload(mark)], object), allow_pickle=True)
    for content in (buffer.getvalue(), pickle.dumps(Payload(mark))):
        with pytest.raises(DataError, match="not a readable image"):
            decode_image(content, f"a.{suffix}")
    assert not mark.exists()
    tell(f"npy and pickle named .{suffix}", 2, "refused")


def test_yaml_executes_nothing(small_set, tmp_path, tell):
    mark = tmp_path / "executed"
    texts = [
        f"!!python/object/apply:open [{mark}, w]",
        f"classes: !!python/object/apply:os.mknod [{mark}]",
        f"%TAG ! tag:yaml.org,2002:python/\n---\nclasses: !object/apply:open [{mark}, w]",
        f"? !!python/object/apply:open [{mark}, w]\n: 1",
    ]
    for text in texts:
        (small_set / "dataset.yaml").write_text(text)
        (tmp_path / "x.yaml").write_text(text)
        assert ("classes", ("dataset.yaml",)) in {(one.kind, one.files) for one in check(small_set).problems}
        with pytest.raises(DataError, match=r"dataset\.yaml: line \d: the tag"):
            load_training_data(
                small_set, Binary, size=(32, 32), normalise="dataset", rule=SplitRule(val_fraction=0.2, seed=0)
            )
        with pytest.raises(ReportedError, match=r"x\.yaml, line \d: the tag"):
            load_config(tmp_path / "x.yaml")
    assert not mark.exists()
    tell("malicious YAML", 3 * len(texts), "refused, nothing executed")


def entry(name, *, mode=stat.S_IFREG, flags=0, content=b"x"):
    return name, mode, flags, content


ZIPS = {
    "way out": ([entry("../evil.png")], "leads out of the folder"),
    "way out inside": ([entry("a/images/../../../evil.png")], "leads out of the folder"),
    "absolute": ([entry("/tmp/evil.png")], "leads out of the folder"),
    "drive": ([entry("C:/evil.png")], "leads out of the folder"),
    "backslashes": ([entry("..\\evil.png")], "leads out of the folder"),
    "backslash": ([entry("a\\images\\a.png")], "backslash"),
    "line end": ([entry("a/images/\n.png")], "control character"),
    "link": ([entry("a/images/a.png", mode=stat.S_IFLNK, content=b"/etc/passwd")], "a link or a device"),
    "device": ([entry("a/images/a.png", mode=stat.S_IFCHR)], "a link or a device"),
    "twice": ([entry("a/images/a.png"), entry("a/images/a.png", content=b"y")], "is there twice"),
    "password": ([entry("a/images/a.png", flags=1)], "needs a password"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_are_refused_before_anything_is_written(tmp_path, tell):
    for name, (entries, told) in ZIPS.items():
        path = tmp_path / "source.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for text, mode, flags, content in entries:
                info = zipfile.ZipInfo(text)
                info.external_attr, info.create_system = (mode | 0o644) << 16, 3
                archive.writestr(info, content)
                archive.infolist()[-1].flag_bits |= flags
        with pytest.raises(DataError, match=told):
            prepare(path, tmp_path / "set" / "out", workers=1)
        assert tree(tmp_path) == {"source.zip"}, name
    tell("malicious archives", len(ZIPS), "refused, nothing written")


NAMES = ["..", "../x", "a/b", "a\\b", "/etc", "C:x", "", " ", ".hidden", "x.", "x ", "a\nb", "a\0b", "nul", "COM1.png"]
NAMES += ["a\x1b[2J", "\ud800", "a\u202egnp", "a" * 300, 5, None, ["x"], "a*", "a|b", "a<b"]


def test_names_that_are_no_folder_are_refused(tell):
    assert [name for name in NAMES if not fault_of(name)] == []
    assert [
        name for name in ("nucleus", "T-cell", "Zelle größer", "细胞", "a.b", "con_trol", "x1") if fault_of(name)
    ] == []
    tell("malicious names", len(NAMES), "refused")


@pytest.mark.slow
def test_a_checkpoint_cannot_name_a_folder_outside(run_main, trained, tmp_path, tell):
    state = torch.load(trained / "best.pth", weights_only=True)
    images = tmp_path / "inputs" / "small" / "images"
    hostile = [["../../../evil"], [str(tmp_path / "evil")], ["a/b"], ["nul"], [5], "nucleus", [], None]
    for classes in hostile:
        save_checkpoint(trained / "best.pth", state | {"classes": classes})
        before = tree(tmp_path)
        arguments = (["--run", trained], ["--run", trained, "--input", images, "--out", tmp_path / "out" / "deep"])
        for script, given in zip((val, predict), arguments, strict=True):
            code, _, err = run_main(script, *given)
            assert code == 3, (classes, err)
            assert "class" in err
        assert tree(tmp_path) == before
    tell("class names of checkpoints", 2 * len(hostile), "exit 3, nothing written")


@pytest.mark.parametrize(
    "change", [{"config": {}}, {"model": {}}, {"epoch": "x"}, {"reader": None}, {"normalisation": 3}]
)
def test_a_checkpoint_that_is_not_whole_is_one_line(change, trained):
    state = torch.load(trained / "best.pth", weights_only=True)
    save_checkpoint(trained / "best.pth", state | change)
    with pytest.raises(ReportedError, match=r"best\.pth is not a whole checkpoint"):
        load_run(trained)


def test_classes_and_ids_of_a_data_folder_stay_inside(small_set, tmp_path, tell):
    arguments = {
        "task_type": Binary,
        "size": (32, 32),
        "normalise": "dataset",
        "rule": SplitRule(val_fraction=0.2, seed=0),
    }
    for path in (small_set / "masks" / "nucleus").iterdir():
        path.rename(small_set / "masks" / path.name)
    (small_set / "masks" / "nucleus").rmdir()
    for text in ("['../../evil']", "[/tmp/evil]", "[5]", "cell"):
        (small_set / "dataset.yaml").write_text(f"classes: {text}\n")
        with pytest.raises(DataError, match=r"dataset\.yaml: class"):
            load_training_data(small_set, **arguments)
    (small_set / "dataset.yaml").unlink()
    (tmp_path / "split.csv").write_text("id,split\n../../evil,train\ncell_01,val\n")
    with pytest.raises(DataError, match="has no image"):
        load_training_data(small_set, **arguments | {"rule": SplitRule(file=tmp_path / "split.csv")})
    content = pil(np.zeros((32, 32), np.uint8))
    for folder in ("images", "masks"):
        (small_set / folder / "a\nb.png").write_bytes(content)
    with pytest.raises(DataError, match="cannot be shown"):
        load_training_data(small_set, **arguments)
    tell("names in data folders", 6, "refused")


def test_checksums_cannot_lead_outside(small_set, tell):
    for name in ("../secret", "/etc/passwd", "/dev/zero", "C:/x", "..\\x"):
        (small_set / "SHA256SUMS").write_text(f"{'0' * 64}  {name}\n")
        found = {(one.kind, one.found) for one in check(small_set).problems}
        assert found == {("checksum", f"line 1 names {name!r}, which lies outside the folder")}
    os.unlink(small_set / "SHA256SUMS")  # noqa: PTH108
    tell("paths in SHA256SUMS", 5, "refused")
