"""Checkpoints with a valid seal that are not what their name says: refused with exit 3 and with what they are."""

import math

import pytest
import torch

import predict
import train
import val
from engine.runs.checkpoint_file import save_checkpoint
from engine.runs.checkpoints import Checkpoints
from engine.runs.run_folder import RunFolder

pytestmark = pytest.mark.slow
KEYS = ("config", "classes", "data", "epoch", "history", "timing", "progress", "model", "optimizer", "scheduler")


@pytest.fixture
def trained(run_main, small_config, tmp_path):
    assert run_main(train, "--config", small_config)[0] == 0
    return tmp_path / "outputs" / "small"


def resumed(run_main, small_config):
    code, out, err = run_main(train, "--config", small_config, "--resume", "train.epochs=2")
    assert "Traceback" not in err
    return code, out, err


def with_nan(state):
    name = next(name for name, tensor in state["model"].items() if tensor.is_floating_point())
    changed = state["model"][name].clone()
    changed[(0,) * changed.ndim] = math.nan
    return state | {"model": dict(state["model"]) | {name: changed}}


def test_the_record_of_a_bad_step_is_no_checkpoint(run_main, small_config, tmp_path):
    code, _, _ = run_main(train, "--config", small_config, "optimizer.lr=1e30", "train.epochs=3")
    assert code == 4
    run = tmp_path / "outputs" / "small"
    (run / "last.pth").write_bytes((run / "diverged.pth").read_bytes())
    code, _, err = resumed(run_main, small_config)
    assert code == 3
    assert "last.pth: not a checkpoint of a run, but the record of a step that diverged (diverged.pth)" in err


@pytest.mark.parametrize("key", KEYS)
def test_a_checkpoint_without_a_key_is_refused(run_main, small_config, trained, key):
    state = torch.load(trained / "last.pth", weights_only=True)
    save_checkpoint(trained / "last.pth", {name: value for name, value in state.items() if name != key})
    before = {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()}
    code, _, err = resumed(run_main, small_config)
    assert code == 3
    assert f"last.pth: not a whole checkpoint of a run; it lacks {key}" in err
    assert {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    "change", [{"model": {}}, {"optimizer": {}}, {"scheduler": {}}, {"machine": {}}, {"machine": None}, {"history": 3}]
)
def test_a_checkpoint_with_a_wrong_part_is_refused(run_main, small_config, trained, change):
    save_checkpoint(trained / "last.pth", torch.load(trained / "last.pth", weights_only=True) | change)
    code, _, err = resumed(run_main, small_config)
    assert code == 3
    assert "last.pth: not a whole checkpoint" in err


def test_weights_that_are_no_numbers_are_used_nowhere(run_main, small_config, trained, tmp_path):
    for name in ("best.pth", "last.pth"):
        save_checkpoint(trained / name, with_nan(torch.load(trained / name, weights_only=True)))
    images = tmp_path / "inputs" / "small" / "images"
    for script, words in (
        (val, ("--run", trained)),
        (predict, ("--run", trained, "--input", images, "--out", tmp_path / "out")),
        (train, ("--config", small_config, "--resume", "train.epochs=2")),
        (train, ("--config", small_config, "name=other", f"model.weights={trained / 'best.pth'}")),
    ):
        code, _, err = run_main(script, *words)
        assert code == 3, (script, err)
        assert ".pth: its weights are not finite numbers (conv0_0.conv1.weight" in err
    assert not (tmp_path / "out").exists()
    assert not (trained / "val").exists()


def test_the_last_line_says_that_the_best_weights_are_gone(run_main, small_config, trained, monkeypatch):
    """Somebody removes best.pth after the last epoch; and in another run it is of another epoch."""
    _, out, _ = run_main(train, "--config", small_config, "--resume")
    assert out.splitlines()[-1].endswith(f"{trained / 'best.pth'}")  # the control

    def removed(self):
        after_epoch(self)
        (self.run.path / "best.pth").unlink()

    after_epoch = Checkpoints.after_epoch
    monkeypatch.setattr(Checkpoints, "after_epoch", removed)
    code, out, _ = run_main(train, "--config", small_config, "name=b")
    assert code == 0
    assert out.splitlines()[-1].endswith("best.pth: no such checkpoint, so the weights of this epoch are lost")


def test_of_another_epoch_the_best_weights_are_gone_too(trained):
    run = RunFolder(trained)
    assert run.where_best(epoch=1) == str(trained / "best.pth")
    told = f"{trained / 'best.pth'}: it is of epoch 1, so the weights of this epoch are lost"
    assert run.where_best(epoch=2) == told
