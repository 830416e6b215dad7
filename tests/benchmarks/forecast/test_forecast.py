"""A forecast from configuration to table and picture: what is planned, trained once, and compared."""

import csv
from pathlib import Path

import cv2
import pytest
from conftest import small_config, small_set  # noqa: F401 fixtures
from support.table_command import command

import benchmarks.forecast.__main__ as command_line
import val
from benchmarks.forecast.__main__ import forecast
from benchmarks.forecast.plan import plan_of, sizes_of
from benchmarks.table import scoring
from engine.schema.config_file import load_config
from system.errors import ConfigError

CHOICES = {"sizes": [2, 4, 8], "draws": 2, "compare": (), "score": None}


@pytest.fixture
def planned(small_config, tmp_path):  # noqa: F811
    return lambda *changes, **choices: plan_of(small_config, changes, root=tmp_path, **CHOICES | choices)


def parts_of(text):
    rows = list(csv.DictReader(text.splitlines()))
    return tuple({row["id"] for row in rows if row["split"] == part} for part in ("train", "val"))


def test_the_first_images_of_an_order_train_and_the_same_ones_validate(planned):
    plan = planned("data.val_fraction=0.2")
    parts = {path.stem: parts_of(text) for path, text in plan.split_files.items()}
    assert set(parts) == {"split_n2_d0", "split_n2_d1", "split_n4_d0", "split_n4_d1", "split_n8_d0"}
    assert len({frozenset(val) for _, val in parts.values()}) == 1
    assert [len(parts[f"split_n{size}_d0"][0]) for size in (2, 4, 8)] == [2, 4, 8]
    for draw in (0, 1):
        assert parts[f"split_n2_d{draw}"][0] < parts[f"split_n4_d{draw}"][0]
    assert parts["split_n4_d0"][0] != parts["split_n4_d1"][0]
    assert all(not train & val for train, val in parts.values())


def test_all_runs_see_as_many_windows(planned):
    given = [run.overrides for run in planned("train.epochs=3").runs]
    epochs = [[one for one in overrides if one.startswith("train.epochs=")][-1] for overrides in given]
    assert epochs == [f"train.epochs={number}" for number in (12, 12, 6, 6, 3)]
    crops = planned("data.size=null", "data.crop=16", "data.crops_per_image=2").runs
    assert ["data.crops_per_image=8" in run.overrides for run in crops] == [True] * 2 + [False] * 3
    assert "data.crops_per_image=2" in crops[-1].overrides


def test_a_variant_has_its_own_runs_on_the_same_images(planned):
    plan = planned(compare=("optimizer.lr=0.5", "model.norm=group"))
    base, other = plan.variants.values()
    assert list(plan.variants) == ["", "optimizer.lr=0.5 model.norm=group"]
    for size, runs in base.items():
        for one, two in zip(runs, other[size], strict=True):
            assert set(one.overrides) - {f"name={one.name}"} < set(two.overrides)
            assert {"optimizer.lr=0.5", "model.norm=group", f"name={two.name}"} <= set(two.overrides)
    assert len({run.name for run in plan.runs}) == len(plan.runs) == 10


def test_a_data_folder_alone_is_completed_once_for_all_runs(small_set, tmp_path, capsys):  # noqa: F811
    plan = plan_of(None, [f"data.root={small_set}", "train.epochs=3"], root=tmp_path, **CHOICES)
    assert "choose  task: binary, because the masks have one class" in capsys.readouterr().out
    assert (plan.config.task, plan.config.train.epochs, plan.folder) == ("binary", 3, plan.config_file.parent)
    assert plan.folder == tmp_path / "outputs" / "small_forecast"
    assert {run.config for run in plan.runs} == {plan.config_file}


@pytest.mark.parametrize(
    ("words", "config", "changes"),
    [
        (["data.root=inputs/x", "train.epochs=3"], None, ["data.root=inputs/x", "train.epochs=3"]),
        (["a.yaml", "--draws", "2", "train.epochs=3"], Path("a.yaml"), ["train.epochs=3"]),
        (["{folder}/a=b.yaml"], Path("{folder}/a=b.yaml"), []),
    ],
)
def test_the_first_word_is_a_configuration_or_a_change(words, config, changes, run_main, tmp_path, monkeypatch):
    (tmp_path / "a=b.yaml").touch()
    called = []
    monkeypatch.setattr(command_line, "forecast", lambda *arguments, **_: called.append(arguments) or "")
    assert run_main(command_line, *(word.format(folder=tmp_path) for word in words))[0] == 0
    assert called == [(config and Path(str(config).format(folder=tmp_path)), changes)]


def test_label_maps_that_are_read_as_masks_are_named(planned, small_set, capsys):  # noqa: F811
    planned()
    assert "label maps" not in capsys.readouterr().out
    (small_set / "masks" / "nucleus").rename(small_set / "labels")
    planned()
    assert "folder  the label maps are read as masks; task=distance would" in capsys.readouterr().out


def test_slips_on_the_command_line(run_main, small_set):  # noqa: F811
    for words, told in (
        (["--data", small_set], f"unrecognized arguments: --data; did you mean data.root={small_set}?"),
        ([small_set], f"did you mean data.root={small_set}?"),
        ([f"data.root={small_set}", "epochs", "3"], "did you mean train.epochs=3?"),
    ):
        code, _, err = run_main(command_line, *words)
        assert (code, told in err) == (2, True), err


def test_numbers_of_images():
    assert sizes_of(100, None) == [10, 20, 40, 100]
    assert sizes_of(12, None) == [12]
    assert sizes_of(8, [4, 2, 4]) == [2, 4]
    with pytest.raises(ConfigError, match="the training part has 8 images; give numbers from 1 to 8"):
        sizes_of(8, [9])


@pytest.mark.parametrize("score", ["nonsense", "count_error"])
def test_a_score_that_cannot_be_forecast_is_refused(planned, score):
    with pytest.raises(ConfigError, match="allowed are iou, dice"):
        planned(score=score)


@pytest.mark.slow
def test_a_forecast_is_trained_once_and_written(small_config, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(val, "ROOT", tmp_path)
    monkeypatch.setattr(scoring, "_found", {})
    choices = {"sizes": [2, 4, 8], "draws": 2, "compare": ["optimizer.lr=0.003"], "root": tmp_path}
    text = forecast(small_config, ["train.workers=0"], command=command(tmp_path), processes=2, **choices)
    assert text.count("\n| ") == 4  # the line below the head and three numbers; the head is the first line
    assert "with `optimizer.lr=0.003`" in text
    assert "The curve through these scores, 1 − a − b n^(−c), forecasts 0." in text
    assert "with 16 images" in text
    folder = tmp_path / "outputs" / "small_forecast"
    assert (folder / "forecast.md").read_text() == text
    assert load_config(folder / "config.yaml").train.workers == 0
    assert cv2.imread(str(folder / "forecast.png")).shape == (540, 840, 3)
    assert forecast(small_config, ["train.workers=0"], command=["no such command"], **choices) == text
