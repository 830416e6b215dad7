"""curves.png: what is drawn, when, and that a picture never costs a training."""

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

import train
from engine.distributed import ALONE
from engine.history import History
from engine.runs import curves
from engine.runs.checkpoints import Checkpoints
from engine.runs.curves import CurveFile, draw_curves

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HEIGHT = 1200, 624


def rows_of(count, **more):
    """Rows whose columns are straight lines, so that their place in the picture is known."""
    steps = np.linspace(0, 1, count)
    columns = {"loss": 2 - steps, "val_loss": 1.5 - steps, "iou": steps, "val_iou": steps / 2}
    columns |= {"dice": 0.9 + 0 * steps, "val_dice": 0.8 + 0 * steps} | more
    return [{"epoch": k + 1} | {name: values[k] for name, values in columns.items()} for k in range(count)]


def pixels_of(png):
    """RGB as numbers, [H, W, 3] int."""
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)


def where(image, colour):
    """(x, y) of the pixels of a colour such as "#E69F00"."""
    wanted = [int(colour[k : k + 2], 16) for k in (1, 3, 5)]
    y, x = np.nonzero(np.abs(image - wanted).sum(-1) < 12)
    return x, y


def test_both_panels_have_the_lines_of_the_columns():
    image = pixels_of(draw_curves(rows_of(20), best=20, score="val_iou"))
    assert image.shape == (HEIGHT, WIDTH, 3)
    lines = slice(0, HEIGHT * 3 // 4)  # the legends lie below
    for half in (slice(0, WIDTH // 2), slice(WIDTH // 2, WIDTH)):
        for colour in (curves.ORANGE, curves.BLUE):
            assert len(where(image[lines, half], colour)[0]) > 200
    assert len(where(image[lines], curves.GREEN)[0]) == 0
    x, y = where(image[lines, WIDTH // 2 :], curves.ORANGE)
    rising = y[x < x.min() + 20].max() - y[x > x.max() - 20].min()
    assert rising > 300  # the iou goes from 0 to 1
    x, y = where(image[lines, : WIDTH // 2], curves.ORANGE)
    assert y[x < x.min() + 20].mean() < y[x > x.max() - 20].mean() - 100  # the loss falls


def test_cells_have_a_line_also_if_only_some_epochs_score_them():
    rows = rows_of(12)
    for k in (0, 5, 11):
        rows[k]["val_ap_50"] = 0.5
    image = pixels_of(draw_curves(rows, best=6, score="val_ap_50"))
    x, _ = where(image[: HEIGHT * 3 // 4], curves.GREEN)
    assert x.min() > WIDTH // 2
    assert np.ptp(x) > 350


@pytest.mark.slow
def test_the_best_epoch_has_a_line_where_it_is():
    """A dashed vertical line is black in many rows of one column; the frame of a panel is black in all rows."""
    places = []
    for best in (5, 15):
        image = pixels_of(draw_curves(rows_of(20), best=best, score="val_iou"))
        dark = (image[: HEIGHT * 3 // 4].sum(-1) < 400).sum(0)
        inside = np.flatnonzero(dark[100 : WIDTH // 2 - 30] > 150) + 100
        places.append(inside.mean())
    per_epoch = (places[1] - places[0]) / 10
    assert 20 < per_epoch < 27  # 21 epochs on a panel of about 515 pixels


@pytest.mark.parametrize("count", [1, 2, 300])
def test_any_number_of_epochs(count):
    assert pixels_of(draw_curves(rows_of(count), best=1, score="val_iou")).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.slow
def test_no_state_of_pyplot_is_touched_and_matplotlib_is_loaded_late():
    code = (
        "import sys, engine.runs.run_folder as r, engine.runs.curves as c; assert 'matplotlib' not in sys.modules; "
        "rows = [{'epoch': 1, 'loss': 1.0, 'val_iou': 0.5}]; c.draw_curves(rows, best=1, score='val_iou'); "
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def history_of(count):
    history = History()
    history.rows = rows_of(count)
    return history


def test_every_epoch_has_a_picture_unless_it_takes_more_than_a_fiftieth_of_the_time(tmp_path, monkeypatch):
    clock, drawn = [0.0], []
    monkeypatch.setattr(curves.time, "monotonic", lambda: clock[0])

    def draw(rows, **_):
        drawn.append(len(rows))
        clock[0] += 0.2  # seconds: the next one may come after 10 s
        return b"picture"

    monkeypatch.setattr(curves, "draw_curves", draw)
    file = CurveFile(tmp_path / "curves.png")
    for epoch, now in enumerate([1, 5, 11, 12, 21, 22, 33, 44], 1):
        clock[0] = now
        file.after_epoch(history_of(epoch))
    assert drawn == [1, 4, 7, 8]  # epochs of 11 s have a picture each
    file.finish(history_of(8))  # the picture is there
    assert drawn == [1, 4, 7, 8]
    file.finish(history_of(9))
    assert drawn[-1] == 9
    assert (tmp_path / "curves.png").read_bytes() == b"picture"
    CurveFile(tmp_path / "none.png").finish(History())  # a training of no epoch
    assert drawn[-1] == 9


@pytest.mark.parametrize("error", [ImportError("No module named 'matplotlib'"), MemoryError(), ValueError("a\nb")])
def test_a_failure_is_one_line_and_is_not_tried_again(tmp_path, monkeypatch, capsys, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(curves, "draw_curves", fail)
    file = CurveFile(tmp_path / "curves.png")
    file.finish(history_of(2))
    file.finish(history_of(3))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith("curves  curves.png cannot be drawn (")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_be_written_costs_no_training(tmp_path, capsys):
    (tmp_path / "run").write_text("a file where the folder should be")
    CurveFile(tmp_path / "run" / "curves.png").finish(history_of(2))
    assert "cannot be drawn" in capsys.readouterr().out


@pytest.mark.slow
def test_a_training_draws_at_its_end_and_a_resumed_one_draws_again(run_main, small_config, tmp_path, monkeypatch):
    drawn = []
    original = curves.draw_curves
    monkeypatch.setattr(curves, "draw_curves", lambda rows, **k: drawn.append(len(rows)) or original(rows, **k))
    picture = tmp_path / "outputs" / "small" / "curves.png"
    assert run_main(train, "--config", small_config)[0] == 0
    first = picture.read_bytes()
    assert run_main(train, "--config", small_config, "train.epochs=2", "--resume")[0] == 0
    assert drawn == [1, 2]
    assert picture.read_bytes() != first
    picture.unlink()
    assert run_main(train, "--config", small_config, "train.epochs=2", "--resume")[0] == 0  # nothing is left to train
    assert picture.exists()


@pytest.mark.parametrize("requested", [None, signal.SIGTERM])
def test_epochs_draw_and_a_stop_does_not_wait_for_a_picture(requested):
    done = []
    run = SimpleNamespace(path="run", save=lambda *_, **__: done.append("saved"))
    logs = [SimpleNamespace(after_epoch=done.append)]
    training = SimpleNamespace(
        ranks=ALONE,
        guard=SimpleNamespace(settle=lambda: None),
        progress=SimpleNamespace(steps=0),
        history=history_of(3),
        state_dict=lambda later_ranks: {},
    )
    stop = SimpleNamespace(requested=requested, check=lambda where: done.append("stopped"))
    Checkpoints(run, training, stop, logs, constants={}, minutes=10).after_epoch()
    assert done == (["saved", training.history] if requested is None else ["saved", "stopped"])


def test_a_training_without_matplotlib_ends_well(run_main, small_config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    code, out, err = run_main(train, "--config", small_config)
    assert (code, err) == (0, "")
    assert "curves  curves.png cannot be drawn" in out
    assert not (tmp_path / "outputs" / "small" / "curves.png").exists()
