"""A checkpoint of each format is kept as a file. What is read from these files must not change."""

from pathlib import Path

import pytest
import torch

from engine.runs.checkpoint_file import FORMAT, NewerFormatError, load_checkpoint, save_checkpoint
from engine.runs.run_folder import RunFolder
from engine.runs.starting_weights import load_weights
from engine.schema.config import Config
from models import UNet
from system.errors import CheckpointError

GOLDEN = Path(__file__).with_name("golden")


def assert_known_weights(state):
    """Tensor number n of the golden networks holds (0 + n, 1 + n, 2 + n, …) / 64; if it is of integers, it holds n."""
    for number, tensor in enumerate(state.values()):
        values = (torch.arange(tensor.numel()) + number) / 64
        expected = values.view(tensor.shape) if tensor.is_floating_point() else torch.full_like(tensor, number)
        torch.testing.assert_close(tensor, expected, rtol=0, atol=0)


def test_there_is_a_file_of_each_format():
    assert [path.name for path in sorted(GOLDEN.iterdir())] == [f"format_{n}.pth" for n in range(1, FORMAT + 1)]


def test_format_2():
    state = load_checkpoint(GOLDEN / "format_2.pth")
    assert state["format"] == 2
    assert_known_weights(state["model"])
    UNet(filters=(2, 2)).load_state_dict(state["model"])
    assert Config.model_validate(state["config"]).train.epochs == 2
    assert (state["epoch"], state["history"][0]["val_iou"], state["progress"]) == (1, 0.5, None)
    assert (state["scheduler"]["lr"], state["machine"]["threads"], state["data"]) == (0.1, 1, "0" * 32)
    plain = torch.load(GOLDEN / "format_2.pth", weights_only=True)
    assert plain["timing"] == [{"epoch": 1, "train_seconds": 1.5, "val_seconds": 0.5, "train_images_per_second": 8.0}]


def test_format_1_has_no_seal_and_gives_its_weights_only():
    path = GOLDEN / "format_1.pth"
    assert torch.load(path, weights_only=True)["format"] == 1
    with pytest.raises(CheckpointError, match=r"without a valid seal.*of format 1, use model\.weights="):
        load_checkpoint(path)
    network = UNet(filters=(2, 2))
    assert load_weights(network, path) == []
    assert_known_weights(network.state_dict())


def test_a_newer_format_is_refused_by_name_and_not_taken_for_damage(tmp_path, monkeypatch):
    run = RunFolder(tmp_path)
    state = load_checkpoint(GOLDEN / "format_2.pth")
    del state["format"]
    save_checkpoint(tmp_path / "previous.pth", state | {"epoch": 1})
    monkeypatch.setattr("engine.runs.checkpoint_file.FORMAT", FORMAT + 1)
    save_checkpoint(tmp_path / "last.pth", state | {"epoch": 2})
    assert run.recover()["epoch"] == 2
    monkeypatch.undo()
    with pytest.raises(NewerFormatError, match=f"format {FORMAT + 1}, but this version reads up to {FORMAT}"):
        run.recover()
