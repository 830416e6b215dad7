"""python -m inference.export: a run becomes files and a model card."""

import json
import shutil
from importlib.util import find_spec

import pytest

import train
import val
from inference.export import __main__ as command
from inference.export import formats as table
from inference.export.formats import FORMATS, NETWORKS, require_packages
from system.errors import ConfigError

NO_ONNX = not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime")))


@pytest.fixture
def run(run_main, small_config, tmp_path):
    """A run of one epoch, which is scored."""
    (tmp_path / "inputs/small/dataset.yaml").write_text("name: small\nsource: drawn | here\nlicence: CC0-1.0\n")
    assert run_main(train, "--config", small_config, "model.filters=[4, 4]")[0] == 0
    assert run_main(val, "--run", tmp_path / "outputs/small", "--no-report")[0] == 0
    return tmp_path / "outputs" / "small"


@pytest.mark.slow
@pytest.mark.skipif(NO_ONNX, reason="onnx, onnxscript or onnxruntime is missing")
def test_a_run_becomes_two_files_and_a_card(run, run_main, tmp_path):
    words = ("--run", run, "--out", tmp_path / "model", "--format", "onnx", "torch", "--author", "Ada | Lovelace")
    code, out, err = run_main(command, *words)
    assert code == 0, err
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"model.onnx", "model.pt2", "MODEL.md"}
    card = (tmp_path / "model/MODEL.md").read_text(encoding="utf-8")
    summary = json.loads((run / "val/summary.json").read_text())
    for name in ("iou", "iou_per_image", "ap_50") if "ap_50" in summary else ("iou", "iou_per_image"):
        assert f"| {name} | {summary[name]:.4f} |" in card
    assert f"| iou_per_image | {summary['iou_per_image']:.4f} | –" not in card  # it has an interval
    assert summary["data"]["fingerprint"] in card
    assert "| images | 8 train, 2 validation |" in card
    assert "| source | drawn \\| here |" in card
    assert "Licence of the model: CC0-1.0. Authors: Ada \\| Lovelace." in card
    assert f"--config {run / 'config.yaml'} name=small_again" in card
    for name in ("model.onnx", "model.pt2"):
        assert f"model   {name}: the largest difference of a logit is" in out
        assert f"- {name}: the largest difference of a logit is" in card
        assert "pixels in 2 images, 0 have another mask." in out.split(name)[1].split("\n")[0]
    code, _, err = run_main(command, *words)
    assert code == 2
    assert "exists already, and nothing is overwritten" in err
    assert (tmp_path / "model/MODEL.md").read_text(encoding="utf-8") == card


@pytest.mark.slow
def test_runs_without_their_images_and_scores(run, run_main, tmp_path):
    """Noise is compared in the place of images, and scores of other weights are left out."""
    shutil.rmtree(tmp_path / "inputs" / "small")
    summary = json.loads((run / "val/summary.json").read_text())
    (run / "val/summary.json").write_text(json.dumps(summary | {"weights": "crc32 00000000"}))
    code, out, err = run_main(command, "--run", run, "--out", tmp_path / "model", "--format", "torch")
    assert code == 0, err
    assert "images  are not compared: " in out
    assert "is of other weights, and is left out of the model card" in out
    assert "Masks were not compared" in out
    assert "licence none is known" in out
    code, _, err = run_main(command, "--run", run, "--out", tmp_path / "b", "--format", "torch", "--depth", "1")
    assert (code, "only NestedUNet can be pruned" in err) == (2, True), err
    card = (tmp_path / "model/MODEL.md").read_text(encoding="utf-8")
    assert "Nobody has scored it yet." in card
    assert "| licence | not stated |" in card


@pytest.mark.slow
def test_a_file_that_computes_something_else_is_refused(run, run_main, tmp_path, monkeypatch):
    monkeypatch.setattr("inference.export.torch_file.open_torch", lambda path, threads: lambda pixels: pixels[:, :1])
    code, _, err = run_main(command, "--run", run, "--out", tmp_path / "model", "--format", "torch")
    assert code == 3
    assert "model.pt2: its logits differ by up to" in err
    assert not (tmp_path / "model").exists()
    assert not list(tmp_path.glob("model*"))


def test_what_is_refused_at_once(run_main, tmp_path, monkeypatch):
    words = ("--run", tmp_path / "none", "--out", tmp_path / "model", "--format")
    code, _, err = run_main(command, *words, "torch")
    assert (code, "no such run folder" in err) == (3, True), err
    code, _, err = run_main(command, *words, "tflite")
    assert code == 2
    assert all(name in err for name in FORMATS)
    monkeypatch.setattr(table, "find_spec", lambda package: None)
    code, _, err = run_main(command, *words, "onnx")
    assert code == 2
    assert "onnx needs the packages onnx, onnxscript, which are not installed: python -m pip install onnx" in err
    assert err.count("\n") == 1
    require_packages(["torch"])  # the control
    with pytest.raises(ConfigError, match="bioimageio needs"):
        require_packages(["bioimageio"])
    assert not (tmp_path / "model").exists()


def test_the_tables_name_files_and_functions():
    assert {kind.network for kind in FORMATS.values()} == set(NETWORKS)
    assert len({kind.file for kind in FORMATS.values()}) == len(FORMATS)
