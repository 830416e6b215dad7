"""The run folder, its tables, and the writes below them."""

import csv

import pytest

from engine.history import History, to_csv
from engine.runs.run_folder import RunFolder
from system.errors import ConfigError, DiskError, run_script
from system.files import staged_folder, write_bytes


def history_of(*val_ious):
    history = History()
    for val_iou in val_ious:
        history.start_epoch()
        history.end_training(images=8, waited=0.0)
        history.add(4e-9, {"loss": 0.5}, {"iou": 0.25}, {"loss": 1 / 3}, {"iou": val_iou})
    return history


def test_tables():
    history = history_of(0.5)
    assert to_csv(history.rows) == "epoch,lr,loss,iou,val_loss,val_iou\n1,4e-09,0.500000,0.250000,0.333333,0.500000\n"
    columns = ["epoch", "train_seconds", "val_seconds", "train_images_per_second", "waiting_share"]
    assert list(history.timing[0]) == columns


def test_best_is_the_first_of_the_highest():
    history = history_of(0.5, 0.7, 0.6, 0.7)
    assert history.best["epoch"] == 2
    assert history.epochs_since_best == 2
    assert not history.newest_is_best
    assert history_of(0.1, 0.2).newest_is_best


def test_epochs_without_a_score_do_not_stop_a_training():
    history = History("val_ap_50")
    for ap in (0.5, None, None, None, 0.4, None):
        history.start_epoch()
        history.end_training(images=8, waited=0.0)
        scores = {"iou": 0.5} if ap is None else {"iou": 0.5, "ap_50": ap}
        history.add(4e-9, {"loss": 0.5}, {"iou": 0.25}, {"loss": 1 / 3}, scores)
        over = len(history.rows) >= 5
        assert history.is_over(epochs=100, patience=3) == over
    assert history.epochs_since_best == 4


def test_checkpoints_and_log_of_an_epoch(tmp_path):
    run = RunFolder(tmp_path / "run")
    for val_ious in ((0.5,), (0.5, 0.4)):
        history = history_of(*val_ious)
        run.save(history, {"epoch": len(history.rows), "history": history.rows}, epoch_ended=True)
    assert [run.load(which)["epoch"] for which in ("last", "best", "previous")] == [2, 1, 1]
    rows = list(csv.DictReader((tmp_path / "run" / "log.csv").read_text().splitlines()))
    assert [float(row["val_iou"]) for row in rows] == [0.5, 0.4]
    assert run.load("last")["history"][1]["val_iou"] == 0.4


def test_a_used_folder_is_refused_and_can_be_moved_aside(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.require_unused()
    assert run.move_aside() is None
    for number in (1, 2):
        with run:
            run.start(config_yaml=f"name: run{number}\n", split_csv="id,split\n")
        with pytest.raises(ConfigError, match="holds a run already; --resume goes on with it, --fresh moves it aside"):
            run.require_unused()
        assert run.move_aside() == tmp_path / f"run.{number}"
    assert (tmp_path / "run.1" / "config.yaml").read_text() == "name: run1\n"
    assert not (tmp_path / "run").exists()


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "f"
    write_bytes(path, b"old")
    monkeypatch.setattr("os.fsync", lambda fd: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(DiskError, match=r"f: cannot be written \(disk full\); the file that was there is still"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_staged_folder_appears_whole_or_not_at_all(tmp_path):
    out = tmp_path / "set"
    staged = staged_folder(out)
    (staged.__enter__() / "a").touch()
    with pytest.raises(KeyboardInterrupt):
        staged.gen.throw(KeyboardInterrupt)
    assert list(tmp_path.iterdir()) == []
    with staged_folder(out) as folder:
        (folder / "a").touch()
        assert not out.exists()
    assert [p.name for p in out.iterdir()] == ["a"]
    with pytest.raises(ConfigError, match="nothing is overwritten"), staged_folder(out):
        pass


def test_exit_codes_and_messages(capsys):
    def refuse():
        raise ConfigError("what and how")

    def stop():
        raise KeyboardInterrupt

    assert run_script(refuse, debug=False) == 2
    assert capsys.readouterr().err == "error: what and how\n"
    assert run_script(stop, debug=False) == 130
    assert run_script(lambda: None, debug=False) == 0
    with pytest.raises(ConfigError):
        run_script(refuse, debug=True)
