"""The page of a run: what it holds, what it must not hold, and its size."""

import json
from types import SimpleNamespace

import pytest
from support.pages import Page, faults_of
from support.scored_runs import EVIL, write_scored_run

import report.__main__ as command
from report.run_page import write_run_page
from report.tables import read_rows
from system.errors import DataError

NAMES = [EVIL, "A01/i0", "javascript:alert(1)", "plain", "x&y\"'", "https://example.org/evil.js", "=1+1", "'a"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "evil & run"
    samples = write_scored_run(folder, NAMES)
    size = write_run_page(folder, samples)
    return SimpleNamespace(folder=folder, samples=samples, size=size, text=(folder / "report.html").read_text("utf-8"))


@pytest.mark.slow
def test_a_page_holds_no_address_and_no_foreign_markup(run):
    assert faults_of(run.text) == []
    assert run.size == len(run.text.encode())
    text = Page(run.text).text
    for name in NAMES:
        assert name in text
    assert "no longer in the data folder" not in text  # also the names that scores.csv guards are found
    assert text.count(EVIL) >= 4  # an image, the data folder, the command, and the configuration


@pytest.mark.slow
@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        (EVIL, "<img onerror>"),
        ("<script>1</script>", "there is not one script"),
        ('<a href="https://example.org">x</a>', "<a href=https://example.org>"),
        ('<p data-x="https://example.org">x</p>', "an address: https://example.org"),
        ('<p style="background: url(x)">x</p>', "a style with an address"),
    ],
)
def test_what_a_page_must_not_hold_is_seen(run, planted, fault):
    assert fault in faults_of(run.text.replace("<main>", f"<main>{planted}"))


@pytest.mark.slow
def test_the_page_has_the_numbers_of_the_files(run):
    text = Page(run.text).text
    summary = json.loads((run.folder / "val" / "summary.json").read_text())
    for name in ("iou", "ap_50", "f1_50", "pq"):
        assert f"{summary[name]:.4f}" in text
        assert summary["definitions"][name] in text
    # Of eight images with four cells each, the numbers 1, 4 and 7 lack one cell, and the numbers 2 and 5 lack two.
    assert "found 25 of 32 missed 7 extra 4 merged 0 split 0" in text
    rows = read_rows(run.folder / "val" / "scores.csv")
    assert [int(row["missed"]) for row in rows] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert [int(row["extra"]) for row in rows] == [0, 1] * 4
    assert sum(int(row["matched"]) for row in read_rows(run.folder / "val" / "calibration.csv")) == 25
    titles = ["Loss by epoch", "Scores by epoch", "Predicted against true counts", "Bland–Altman plot of the counts"]
    titles += ["AP and F1 against the IoU of matches", "Scores by the size of the cells"]
    titles += ["Share of right cells by confidence"]
    assert all(title in text for title in titles)
    assert text.index("Worst") < text.index("Median") < text.index("Best")


@pytest.mark.slow
def test_a_run_without_cells_has_no_words_of_cells(tmp_path):
    samples = write_scored_run(tmp_path / "masks", ["a", "b", "c"], with_cells=False)
    write_run_page(tmp_path / "masks", samples)
    text = (tmp_path / "masks" / "report.html").read_text("utf-8")
    assert faults_of(text) == []
    shown = Page(text).text
    assert "Ranked by IoU" in shown
    assert "of the pixels missed" in shown
    assert not [word for word in ("merged cells", "AP@.5", "Bland", "confidence") if word in shown]


@pytest.mark.slow
def test_what_is_missing_is_left_out(tmp_path):
    run = tmp_path / "old"
    samples = write_scored_run(run, ["a", "b"])
    for name in ("log.csv", "val/calibration.csv", "val/sizes.csv", "val/images.csv", "config.yaml"):
        (run / name).unlink()
    path = run / "val" / "scores.csv"
    lines = path.read_text().splitlines()  # as before there were columns of errors:
    path.write_text("".join(line.rsplit(",", 4)[0] + "\n" for line in lines))
    samples.samples.pop()  # an image that is no longer there
    write_run_page(run, samples)
    text = (run / "report.html").read_text("utf-8")
    assert faults_of(text) == []
    assert "it is no longer in the data folder" in text
    write_run_page(run, None)
    assert "data folder cannot be used any more" in (run / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_two_hundred_images_stay_below_five_megabytes(tmp_path):
    samples = write_scored_run(tmp_path / "many", [f"image_{n:03d}" for n in range(200)], side=96, epochs=100)
    assert write_run_page(tmp_path / "many", samples) < 5e6


def test_a_folder_without_scores_is_an_error(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(DataError, match=r"no usable summary\.json of val\.py; run python val\.py --run"):
        write_run_page(tmp_path / "x", None)


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        ([], 2, "neither a run folder, which has config.yaml, nor a folder of predict.py"),
        (["config.yaml"], 3, "no usable summary.json"),
    ],
)
def test_a_wrong_folder_is_refused(run_main, tmp_path, files, code, message):
    for name in files:
        (tmp_path / name).touch()
    found, _, err = run_main(command, tmp_path)
    assert found == code
    assert message in err
