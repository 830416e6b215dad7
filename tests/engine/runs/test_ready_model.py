"""Which file holds the weights of a folder, and what is stored of them."""

import pytest
import torch

from engine.runs.checkpoint_file import load_checkpoint
from engine.runs.ready_model import KEPT, is_ready_model, weights_of, write_ready_weights
from engine.runs.run_folder import RunFolder
from system.errors import CheckpointError, ConfigError

STATE = {key: key for key in KEPT} | {"model": {"a.weight": torch.rand(3, 2), "a.bias": torch.full((3,), 1e-7)}}


def test_the_file_of_a_run_of_a_ready_model_and_of_neither(tmp_path):
    assert weights_of(tmp_path) == tmp_path / "best.pth"
    assert weights_of(tmp_path / "none" / "w.pth") == tmp_path / "none" / "w.pth"
    assert not is_ready_model(tmp_path)
    assert write_ready_weights(tmp_path, STATE) == tmp_path / "weights.pth" == weights_of(tmp_path)
    assert is_ready_model(tmp_path)
    assert RunFolder(tmp_path).load("best")["epoch"] == "epoch"


def test_only_known_keys_are_written_and_float32_keeps_its_bits(tmp_path):
    write_ready_weights(tmp_path, STATE | {"optimizer": {}, "machine": {"host": "mine"}, "later": 1})
    state = load_checkpoint(tmp_path / "weights.pth")
    assert set(state) == {*KEPT, "format"}
    assert torch.equal(state["model"]["a.weight"], STATE["model"]["a.weight"])


def test_half_precision_spares_vectors_and_refuses_what_it_cannot_hold(tmp_path):
    write_ready_weights(tmp_path, STATE, half=True)
    stored = load_checkpoint(tmp_path / "weights.pth")["model"]
    assert stored["a.weight"].dtype == torch.float16
    assert torch.equal(stored["a.bias"], STATE["model"]["a.bias"])  # 1e-7 would be 1.19e-7 in float16
    large = STATE | {"model": {"a.weight": torch.full((2, 2), 1e5)}}
    with pytest.raises(CheckpointError, match=r"a\.weight: 1e\+05 is too large for float16; publish in float32"):
        write_ready_weights(tmp_path, large, half=True)
    with pytest.raises(CheckpointError, match="not finite"):
        write_ready_weights(tmp_path, STATE | {"model": {"a.weight": torch.full((2, 2), torch.nan)}})


def test_a_training_does_not_resume_in_it_and_moves_it_aside_when_told_to(tmp_path):
    folder = tmp_path / "nuclei"
    write_ready_weights(folder, STATE)
    for resume in (True, False):
        with RunFolder(folder) as run, pytest.raises(ConfigError, match=r"holds a ready model.* model\.weights="):
            run.open(resume=resume, fresh=False)
    with RunFolder(folder) as run:
        assert run.open(resume=False, fresh=True) is None
        run.start(config_yaml="", split_csv="")
    assert is_ready_model(tmp_path / "nuclei.1")
