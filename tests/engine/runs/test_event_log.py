"""Events for TensorBoard, read back by its own reader; and what happens without it or on a full disk."""

import pytest

from engine.history import History
from engine.runs import event_log
from engine.runs.event_log import EventLog, Picture, require_package
from system.errors import ConfigError

pytest.importorskip("tensorboard")
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738"
    "550000000049454e44ae426082"
)


def history_of(epochs):
    history = History()
    history.rows = [{"epoch": n, "loss": 1 / n, "val_ap_50": n / 10 if n % 2 else None} for n in range(1, epochs + 1)]
    history.timing = [{"epoch": n, "train_seconds": float(n)} for n in range(1, epochs + 1)]
    return history


def read(folder):
    """tag → [(step, value)] as TensorBoard shows it; of pictures the bytes."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0}).Reload()
    found = {tag: [(one.step, one.value) for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    images = {
        tag: [(one.step, one.encoded_image_string) for one in events.Images(tag)] for tag in events.Tags()["images"]
    }
    return found | images


def start(folder, epochs=4, **options):
    return EventLog(folder, epochs=epochs, **options)


def steps(found, tag="log/loss"):
    return [step for step, _ in found[tag]]


def test_every_column_is_a_curve_and_pictures_are_there(tmp_path):
    log = start(tmp_path, draw=lambda: [Picture("a/b", PNG, 1, 1)])
    for epoch in range(1, 5):
        log.after_epoch(history_of(epoch))
    log.finish(history_of(4))
    found = read(tmp_path)
    assert set(found) == {"log/loss", "log/val_ap_50", "timing/train_seconds", "validation/a/b"}
    assert found["log/loss"] == [(n, pytest.approx(1 / n)) for n in range(1, 5)]
    assert found["log/val_ap_50"] == [(1, pytest.approx(0.1)), (3, pytest.approx(0.3))]  # an epoch without a value
    assert found["timing/train_seconds"] == [(n, n) for n in range(1, 5)]
    assert found["validation/a/b"] == [(n, PNG) for n in range(1, 5)]


def test_a_resumed_run_adds_what_is_missing_and_repeats_no_step(tmp_path):
    log = start(tmp_path)
    log.after_epoch(history_of(1))
    log.after_epoch(history_of(2))
    start(tmp_path).after_epoch(history_of(4))  # it was killed after the checkpoint of epoch 3, before the events
    assert steps(read(tmp_path)) == [1, 2, 3, 4]
    start(tmp_path).finish(history_of(4))  # nothing is left to train
    assert steps(read(tmp_path)) == [1, 2, 3, 4]


def test_epochs_that_are_trained_again_are_there_once(tmp_path):
    log = start(tmp_path)
    for epoch in range(1, 4):
        log.after_epoch(history_of(epoch))
    again = history_of(2)  # last.pth was damaged, and previous.pth is of epoch 1
    again.rows[1]["loss"] = 7.0
    start(tmp_path).after_epoch(again)
    assert read(tmp_path)["log/loss"] == [(1, 1.0), (2, 7.0)]


def test_a_run_that_had_no_events_gets_those_of_its_history(tmp_path):
    start(tmp_path).after_epoch(history_of(3))
    assert steps(read(tmp_path)) == [1, 2, 3]


def test_a_file_that_a_kill_has_cut_costs_nothing(tmp_path):
    log = start(tmp_path)
    for epoch in range(1, 4):
        log.after_epoch(history_of(epoch))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    start(tmp_path).after_epoch(history_of(4))
    assert steps(read(tmp_path)) == [1, 2, 3, 4]


def test_long_trainings_have_a_bounded_number_of_pictures(tmp_path):
    drawn = []
    log = start(tmp_path, 1000, draw=lambda: drawn.append(1) or [])
    log._path, log._append = tmp_path / "none", lambda events: None
    for epoch in range(1, 1001):
        history = History()
        history.rows, history.timing = [{"epoch": epoch}] * epoch, [{}] * epoch
        log.after_epoch(history)
    assert 50 <= len(drawn) <= 52


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("out of memory\nmore")])
def test_a_failure_is_one_line_and_is_not_tried_again(tmp_path, capsys, error):
    def fail():
        raise error

    log = start(tmp_path, draw=fail)
    log.after_epoch(history_of(1))
    log.after_epoch(history_of(2))
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.startswith(f"events  {tmp_path} gets no more events (")


def test_a_folder_that_cannot_be_written_costs_no_training(tmp_path, capsys):
    (tmp_path / "run").write_text("a file where the folder should be")
    start(tmp_path / "run" / "tensorboard").after_epoch(history_of(1))
    assert "gets no more events" in capsys.readouterr().out


def test_a_missing_package_is_advice(monkeypatch):
    require_package(["csv", "tensorboard"])
    monkeypatch.setattr(event_log, "find_spec", lambda name: None)
    require_package(["csv"])
    with pytest.raises(ConfigError, match=r"python -m pip install tensorboard$"):
        require_package(["csv", "tensorboard"])
