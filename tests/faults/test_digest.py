"""The controls of the fault suite's own instruments."""

import pytest
import torch
from faults.runs import digest

from engine.runs.checkpoint_file import save_checkpoint

STATE = {
    "epoch": 2,
    "history": [{"lr": 0.1}],
    "progress": None,
    "model": {"w": torch.ones(3)},
    "optimizer": {"state": {0: {"step": 1.0}}},
    "scheduler": {"lr": 0.1},
    "scaling": {"scale": 2.0},
    "statistics": {"values": torch.tensor([1.0, float("nan")])},
}


def written(folder, state, log="epoch\n1\n"):
    folder.mkdir()
    (folder / "log.csv").write_text(log)
    for name in ("last.pth", "best.pth"):
        save_checkpoint(folder / name, state)
    return digest(folder)


def one_bit(tensor):
    return (tensor.view(torch.int32) ^ torch.tensor([0, 1, 0], dtype=torch.int32)).view(torch.float32)


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"w": one_bit(torch.ones(3))}},
        {"model": {"w": torch.ones(3, dtype=torch.float64)}},
        {"optimizer": {"state": {0: {"step": 2.0}}}},
        {"history": [{"lr": 0.1 + 2**-55}]},
        {"epoch": 3},
        {"scaling": {"scale": 4.0}},
        {"statistics": {"values": torch.tensor([2.0, float("nan")])}},
        {"statistics": None},
    ],
)
def test_the_digest_of_a_run_sees_one_bit(tmp_path, change):
    assert written(tmp_path / "a", STATE) == written(tmp_path / "b", STATE)
    assert written(tmp_path / "c", STATE | change) != digest(tmp_path / "a")


def test_the_digest_of_a_run_sees_one_byte_of_its_log(tmp_path):
    assert written(tmp_path / "a", STATE) != written(tmp_path / "b", STATE, log="epoch\n2\n")
