"""What people watch a training by, from train.py to the reader of TensorBoard."""

import cv2
import numpy as np
import pytest
from support import planted_changes as planted

import train
from engine.runs import event_log

pytestmark = pytest.mark.slow
LOGS = "train.log_to=[csv, tensorboard]"


@pytest.fixture
def events():
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return lambda run: EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()


def test_a_training_is_logged_resumed_and_the_same_to_the_byte(run_main, small_config, tmp_path, events):
    run, plain = tmp_path / "outputs" / "small", tmp_path / "outputs" / "plain"
    code, _, err = run_main(train, "--config", small_config, LOGS)
    assert code == 0, err
    more = ("--config", small_config, "train.epochs=3")
    assert run_main(train, *more, LOGS, "--resume")[0] == 0
    assert run_main(train, *more, "name=plain", "train.epochs=1")[0] == 0
    assert run_main(train, *more, "name=plain", "--resume")[0] == 0
    assert (run / "log.csv").read_bytes() == (plain / "log.csv").read_bytes()  # the pictures change nothing
    assert not (plain / "tensorboard").exists()
    found = events(run)
    columns = {f"log/{name}" for name in (run / "log.csv").read_text().splitlines()[0].split(",")[1:]}
    columns |= {f"timing/{name}" for name in (run / "timing.csv").read_text().splitlines()[0].split(",")[1:]}
    assert set(found.Tags()["scalars"]) == columns
    for tag in columns:
        assert [one.step for one in found.Scalars(tag)] == [1, 2, 3]
    images = found.Tags()["images"]
    assert len(images) == 2  # the validation part
    for tag in images:
        pictures = found.Images(tag)
        assert [one.step for one in pictures] == [1, 2, 3]
        picture = cv2.imdecode(np.frombuffer(pictures[0].encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[:2] == (pictures[0].height, pictures[0].width) == (400, 400)


def test_cells_have_outlines_of_truth_and_prediction(run_main, small_config, tmp_path, events):
    root = tmp_path / "inputs" / "cells"
    for folder in ("images", "labels"):
        (root / folder).mkdir(parents=True)
    for number in range(6):
        image, labels = planted.drawn_cells(number, size=64)
        cv2.imwrite(str(root / "images" / f"{number}.png"), image)
        cv2.imwrite(str(root / "labels" / f"{number}.png"), labels.astype(np.uint16))
    words = ("--config", small_config, LOGS, f"data.root={root}", "task=distance", "data.size=64", "train.epochs=2")
    code, out, err = run_main(train, *words)
    assert (code, err) == (0, ""), out
    assert "gets no more events" not in out
    found = events(tmp_path / "outputs" / "small")
    (one, *_) = found.Images(found.Tags()["images"][0])
    picture = cv2.imdecode(np.frombuffer(one.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)[..., ::-1].astype(int)
    green = (picture[..., 1] > picture[..., 0] + 80) & (picture[..., 1] > picture[..., 2] + 40)
    assert green.sum() > 500  # outlines of the truth


def test_a_missing_package_ends_the_start_with_advice(run_main, small_config, tmp_path, monkeypatch):
    monkeypatch.setattr(event_log, "find_spec", lambda name: None)
    code, _, err = run_main(train, "--config", small_config, LOGS)
    assert code == 2
    assert err == (
        "error: train.log_to: tensorboard needs the package tensorboard, which is not installed: "
        "python -m pip install tensorboard\n"
    )
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("value", ["tensorboard", "[tensorboard]", "[csv, csv]", "[csv, wandb]", "[]", "3"])
def test_other_lists_are_refused(run_main, small_config, value):
    code, _, err = run_main(train, "--config", small_config, f"train.log_to={value}")
    assert code == 2
    assert "train.log_to (command line): got" in err
    assert "allowed are [csv] and [csv, tensorboard]" in err
