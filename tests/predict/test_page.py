"""predict.py draws the page of its folder at the end: once, anew in a rerun, and never at the cost of the results."""

import os
import shutil
import sys
from types import SimpleNamespace

import pytest
import yaml
from support.pages import Page, faults_of
from support.short_runs import short_run

import predict
from engine.distributed import Ranks

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return short_run(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def predicted(trained, run_main, tmp_path):
    """Returns a function that predicts the images of the set with a copy of a short run, and the folders."""
    run, out, images = tmp_path / "run", tmp_path / "out", tmp_path / "images"
    shutil.copytree(trained, run)
    shutil.copytree(trained.parents[1] / "inputs" / "small" / "images", images)
    call = lambda *more, out=out: run_main(predict, "--run", run, "--input", images, "--out", out, *more)
    return SimpleNamespace(call=call, out=out, run=run, images=images)


def test_the_page_is_drawn_at_the_end_and_again_in_a_rerun(predicted):
    code, text, err = predicted.call()
    assert code == 0, err
    path = predicted.out / "report.html"
    assert f"page    {path}, 0." in text
    content = path.read_text("utf-8")
    assert faults_of(content) == []
    page = Page(content)
    assert "images 10" in page.text
    assert f"python predict.py --run {predicted.run} --input" in page.text
    assert f"python -m report {predicted.out}" in page.text
    assert len([tag for tag, _ in page.tags if tag == "img"]) == 10
    path.write_text("old")
    assert predicted.call()[0] == 0
    assert path.read_text("utf-8") == content


def test_the_command_that_is_noted_is_the_latest(predicted):
    assert predicted.call("--no-report", "--export", "coco")[0] == 0
    assert not (predicted.out / "report.html").exists()
    noted = yaml.safe_load((predicted.out / "prediction.yaml").read_text())
    assert (noted["exports"], noted["command"].split()[-2:]) == (["coco"], ["--export", "coco"])
    assert predicted.call()[0] == 0  # another command is the same prediction
    noted = yaml.safe_load((predicted.out / "prediction.yaml").read_text())
    assert (noted["exports"], "coco" in noted["command"]) == (["coco"], False)
    assert predicted.call("--threshold", "0.4")[0] == 2  # the control


def test_the_last_of_several_processes_draws_it(predicted, monkeypatch):
    for rank in (0, 1):
        monkeypatch.setattr(Ranks, "of_torchrun", lambda rank=rank: Ranks(rank, 2))
        code, text, err = predicted.call()
        assert code == 0, err
        assert ("page    " in text) == (predicted.out / "report.html").exists() == (rank == 1)


def test_images_that_failed_stand_on_the_page(predicted):
    (predicted.images / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert predicted.call()[0] == 3
    page = Page((predicted.out / "report.html").read_text("utf-8"))
    assert "1 image without results: they could not be read, or the prediction was stopped: broken." in page.text


def test_a_page_that_cannot_be_drawn_is_one_line(predicted, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)  # importing it fails
    code, text, err = predicted.call()
    assert (code, err) == (0, "")
    assert "page    report.html cannot be drawn (import of jinja2 halted" in text
    assert f"python -m report {predicted.out} tries again" in text
    assert (predicted.out / "images.csv").exists()
    assert not (predicted.out / "report.html").exists()


def test_the_page_of_a_run_is_not_overwritten(predicted):
    (predicted.run / "report.html").write_text("the page of the run")
    code, text, err = predicted.call(out=predicted.run)
    assert code == 0, err
    assert (predicted.run / "report.html").read_text() == "the page of the run"
    assert f"page    {predicted.run / 'report_prediction.html'}, 0." in text
    assert (predicted.run / "report_prediction.html").exists()


def test_a_folder_that_is_no_text_is_shown_escaped(predicted):
    out = predicted.out.parent / os.fsdecode(b"out\xff")
    code, text, err = predicted.call(out=out)
    assert code == 0, err
    assert (out / "report.html").exists()
    assert "\\udcff" in text
    assert faults_of((out / "report.html").read_text("utf-8")) == []


def test_a_prediction_without_results_is_no_success(predicted):
    for image in predicted.images.iterdir():
        image.write_bytes(b"no image")
    code, text, err = predicted.call()
    assert code == 3
    assert "10 of 10 images could not be used" in err
    assert not any(word in text for word in ("wrote", "cells", "warned", "page"))
    assert not (predicted.out / "report.html").exists()
