"""Runs with everything that data.augment, data.crop_sampling, train.ema and train.norm_batches can switch on."""

import pytest
import torch
from faults.runs import digest
from support.stopping import stop_in

import train
import val
from engine.runs.checkpoint_file import load_checkpoint
from saved_run import load_run

pytestmark = pytest.mark.slow

ALL = "data={root: %s, crop: 16, crops_per_image: 2, crop_sampling: balanced, val_fraction: 0.2, augment: {%s}}"
CHANGES = "scale: true, elastic: true, stain: true, grey: 0.5, invert: true, gamma: true, blur: true, noise: true"
KEYS = "train={epochs: 2, batch_size: 8, accumulate: 2, precision: fp32, ema: 0.9, norm_batches: 3, workers: 0}"


@pytest.fixture
def words(small_config, small_set):
    warm = "scheduler={name: cosine, warmup_epochs: 1}"
    return ["--config", small_config, ALL % (small_set, CHANGES), KEYS, warm, "--resume"]


@pytest.mark.parametrize(("target", "nth"), [("engine.training.Training.step", 3), ("engine.loops.evaluate", 1)])
def test_it_is_resumed_to_the_bit_and_predicts_with_the_average(words, run_main, tmp_path, monkeypatch, target, nth):
    runs = [tmp_path / "outputs" / name for name in ("whole", "stopped")]
    assert run_main(train, *words, "name=whole")[0] == 0
    stop_in(monkeypatch, target, nth)
    assert run_main(train, *words, "name=stopped")[0] == 143
    monkeypatch.undo()
    assert run_main(train, *words, "name=stopped", "train.workers=1")[0] == 0
    assert digest(runs[0]) == digest(runs[1])
    states = [load_checkpoint(run / "last.pth") for run in runs]
    average = states[0]["average"]
    assert average["updates"] == 4  # steps of two epochs of 16 windows in batches of 8
    for name, tensor in average["trained"].items():
        assert torch.equal(tensor, states[1]["average"]["trained"][name])
    assert not torch.equal(average["trained"]["final.weight"], states[0]["model"]["final.weight"])
    best = load_checkpoint(runs[0] / "best.pth")["model"]
    network = load_run(runs[0]).model.model
    assert all(torch.equal(tensor, best[name]) for name, tensor in network.state_dict().items())
    assert run_main(val, "--run", runs[0], "--no-report")[0] == 0


def test_a_change_is_another_run(words, run_main, tmp_path):
    run_main(train, *words, "name=one")
    code, _, err = run_main(train, *words, "name=one", "data.augment.blur=0.9")
    assert code == 2
    assert "data.augment.blur: True → 0.9" in err
    code, _, err = run_main(train, *words, "name=one", "train.ema=0.8")
    assert code == 2
    assert "train.ema: 0.9 → 0.8" in err


def test_group_norm_trains_with_single_images_and_predicts(small_config, run_main, tmp_path):
    changes = "model.norm=group", "data.size=16", "train.batch_size=1", "data.augment={noise: true}"
    code, out, _ = run_main(train, "--config", small_config, *changes)
    assert code == 0
    assert "augmented one by one" in out
    assert run_main(val, "--run", tmp_path / "outputs" / "small", "--no-report")[0] == 0
    code, _, err = run_main(train, "--config", small_config, "data.size=16", "train.batch_size=1", "name=batch")
    assert code == 2
    assert "batch norm needs two values" in err


def test_colours_of_grey_images_are_refused(small_config, small_set, run_main):
    code, _, err = run_main(train, "--config", small_config, "data.channels=1", "data.augment={stain: true}")
    assert code == 2
    assert "data.augment: stain need RGB images, and these are read with 1 channel(s)" in err
