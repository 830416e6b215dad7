"""The race to a score: which epoch reached it, and two real runs end to end."""

import re

import pytest
from conftest import small_config, small_set  # noqa: F401 fixtures

import assemble
import train
from benchmarks.speed import race
from engine.history import to_csv
from engine.schema.config_file import load_config


@pytest.mark.parametrize(
    ("iou", "expected"), [(0.5, (2, True)), (0.6, (3, True)), (0.7, (3, True)), (0.71, (4, False))]
)
def test_the_first_epoch_that_reaches_the_score(tmp_path, iou, expected):
    (tmp_path / "log.csv").write_text("epoch,val_iou\n1,0.4\n2,0.5\n3,0.7\n4,0.6\n")
    assert race.epochs_to(tmp_path, iou) == expected


@pytest.mark.slow
@pytest.mark.usefixtures("small_set")
def test_two_real_runs(small_config, run_main, monkeypatch, tmp_path):  # noqa: F811
    for name, more in (("fast", ["loss.name=BCEDiceLoss"]), ("slow", ["loss.name=LovaszHingeLoss"])):
        code, _, err = run_main(train, "--config", small_config, f"name={name}", "model.filters=[4,4,4,8,8]", *more)
        assert code == 0, err
    monkeypatch.setattr(race, "ROOT", tmp_path)
    runs = ["--ours", tmp_path / "outputs" / "fast", "--classic", tmp_path / "outputs" / "slow"]
    code, out, err = run_main(race, *runs, "--iou", 0)
    assert code == 0, err
    assert re.search(r"^ratio: [0-9.]+$", out, re.MULTILINE)
    code, out, err = run_main(race, *runs, "--iou", 1.1)
    assert (code, "never reaches 1.1" in err) == (2, True)


def test_our_epoch_is_that_of_train_py_to_the_last_digit(small_config, run_main, monkeypatch, tmp_path):  # noqa: F811
    """With its guard, its micro-batches and the seed of each step: the row of log.csv is the same."""
    words = ["train.accumulate=2", "train.clip_norm=1.0", "model.name=NestedUNet", "model.deep_supervision=true"]
    assert run_main(train, "--config", small_config, *words)[0] == 0
    trainings, build = [], assemble.training
    monkeypatch.setattr(race, "ROOT", tmp_path)
    monkeypatch.setattr(assemble, "training", lambda *a, **k: trainings.append(build(*a, **k)) or trainings[-1])
    race.our_epoch(load_config(tmp_path / "outputs" / "small" / "config.yaml"), device="cpu")()
    assert to_csv(trainings[0].history.rows) == (tmp_path / "outputs" / "small" / "log.csv").read_text()
