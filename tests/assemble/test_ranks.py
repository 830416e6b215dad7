"""Which settings several processes can train with, on which devices."""

from dataclasses import replace

import pytest
import torch
from support.trainings import CPU

from assemble.ranks import require_fitting
from engine.distributed import Ranks
from system.errors import ConfigError

CUDA, APPLE = (replace(CPU, device=torch.device(kind)) for kind in ("cuda", "mps"))


def refusal(ranks, runtime=CPU, *, batch_size=16, accumulate=1, sync=False):
    """The reason why these settings are refused; None if they are not."""
    settings = {"batch_size": batch_size, "accumulate": accumulate, "sync_batch_norm": sync}
    try:
        require_fitting(ranks, **settings, runtime=runtime)
    except ConfigError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("batch_size", "ranks", "accumulate", "advice"),
    [(16, 4, 2, None), (16, 3, 1, "such as 15 or 18"), (12, 4, 2, "such as 8 or 16"), (2, 4, 1, "such as 4")],
)
def test_a_batch_is_divided_evenly(batch_size, ranks, accumulate, advice):
    reason = refusal(Ranks(0, ranks), batch_size=batch_size, accumulate=accumulate)
    if advice is None:
        assert reason is None
    else:
        assert f"{batch_size}, for all {ranks} processes together" in reason
        assert reason.endswith(advice)


def test_batch_norm_over_all_images_needs_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert "train.sync_batch_norm: true needs CUDA, but this run uses" in refusal(Ranks(0, 2), sync=True)
    assert refusal(Ranks(0, 2), CUDA, sync=True) is None


def test_an_apple_gpu_serves_one_process():
    assert "there are 2 processes, but an Apple GPU serves only one" in refusal(Ranks(0, 2), APPLE)
    assert refusal(Ranks(), APPLE) is None


@pytest.mark.parametrize(("local", "gpus", "refused"), [(1, 2, False), (2, 2, True)])
def test_each_process_needs_a_gpu_of_its_own(monkeypatch, local, gpus, refused):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    reason = refusal(Ranks(local, 4, local), CUDA)
    assert (reason is not None) == refused
    assert reason is None or reason.endswith("start torchrun with --nproc-per-node 2")
