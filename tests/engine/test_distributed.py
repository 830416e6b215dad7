"""Real ranks, started by torchrun, compute the same sums as one process, and the same result after a lost rank."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import write_set
from faults.runs import digest
from support.trainings import CPU, training_of
from torch import nn

from assemble import continued
from engine.distributed import ALONE, Ranks
from engine.progress import EpochProgress
from engine.schema.config_file import load_config
from losses import build_loss
from metrics import SegmentationCounts
from system.errors import ConfigError
from system.seeding import epoch_order

WORKER = Path(__file__).with_name("rank_worker.py")
CONFIG = """
data: {root: SMALL, size: 32, val_fraction: 0.3}
model: {name: UNet, filters: [2, 4]}
loss: {terms: [{name: BCEWithLogitsLoss}, {name: DiceLoss, per_image: true}]}
optimizer: {name: AdamW, lr: 1e-2}
scheduler: {name: plateau}
train: {epochs: 5, batch_size: 4, save_every_minutes: 1e-9}
"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Stands for the repository's root. Eleven images train, in batches of 4 and 7; five validate."""
    folder = tmp_path_factory.mktemp("ranks")
    (folder / "tiny.yaml").write_text(CONFIG.replace("SMALL", str(write_set(folder / "small", images=16))))
    return folder


def start(*arguments, restarts=0):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen(
        [*torchrun, "--max-restarts", str(restarts), WORKER, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def found(folder):
    """What each of two ranks saw; see rank_worker.py."""
    process = start("compare", folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return [json.loads((folder / f"found{rank}.json").read_text()) for rank in (0, 1)]


def test_a_run_of_two_ranks_is_whole_and_only_the_first_writes(folder, found):
    run = folder / "outputs" / "tiny"
    assert [rank["plain"] for rank in found] == [{"code": 0, "stderr": ""}] * 2
    assert {path.name for path in run.iterdir()} == {
        *("config.yaml", "split.csv", "log.csv", "timing.csv", "last.pth", "previous.pth", "best.pth", "curves.png")
    }
    assert found[0]["written"] > 20
    assert found[1]["written"] == 0
    state = torch.load(run / "best.pth", weights_only=True)
    assert not [name for name in state["model"] if name.startswith("module.")]
    assert state["machine"]["processes"] == 2
    assert len(list((folder / "outputs").glob(".*"))) == 0  # no lock is left


def test_another_seed_and_other_parts_give_another_digest(folder, found):
    digests = {name: digest(folder / "outputs" / name) for name in ("tiny", "seed", "accumulate")}
    assert [found[0][name]["code"] for name in ("seed", "accumulate")] == [0, 0]
    assert len(set(digests.values())) == 3


def test_ranks_average_their_weights_and_measure_statistics(folder, found):
    assert [rank["ema"] for rank in found] == [{"code": 0, "stderr": ""}] * 2
    plain, averaged = (
        torch.load(folder / "outputs" / name / "last.pth", weights_only=True) for name in ("tiny", "ema")
    )
    trained, scored = averaged["average"]["trained"], averaged["model"]
    assert averaged["average"]["updates"] == 10  # two batches in five epochs
    weights = [name for name in scored if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(trained[name], plain["model"][name]) for name in weights)  # the training itself is the same
    assert not any(torch.equal(trained[name], scored[name]) for name in weights if name.endswith("conv1.weight"))


def test_the_gradient_is_that_of_one_process(found):
    for rank in found:
        assert max(rank["gradients"]) < 1e-6  # equal and unequal shares, and accumulated ones


def test_scores_of_the_same_weights_are_those_of_one_process(found):
    first = found[0]["scores"]
    for number, count in enumerate((1, 2, 7, 11)):
        ranks, alone = first[number]["ranks"], first[number]["alone"]
        assert len(alone["counts"]) == count
        assert ranks["counts"] == alone["counts"]
        assert ranks["loss"] == pytest.approx(alone["loss"], rel=1e-6)
        assert found[1]["scores"][number]["ranks"] == ranks  # and both ranks know them
    assert sum(image[0][0] for image in first[3]["alone"]["counts"]) > 0  # something was found at all


@pytest.mark.parametrize(
    ("what", "code", "told"),
    [
        (
            "batch",
            2,
            r"train\.batch_size is 3, for all 2 processes together; it has to be divisible by .* = 2, such as 2 or 4",
        ),
        ("data", 3, "nowhere"),
        ("used", 2, "holds a run already"),
        ("sync", 2, r"train\.sync_batch_norm: true needs CUDA"),
    ],
)
def test_an_error_is_told_once_and_ends_all_ranks(found, what, code, told):
    assert [rank[what]["code"] for rank in found] == [code, code]
    assert re.search(told, found[0][what]["stderr"])
    assert found[0][what]["stderr"].count("error:") == 1
    assert found[1][what]["stderr"] == ""


@pytest.mark.parametrize("name", ["diverged", "diverged_in_fp16"])
def test_a_loss_that_is_no_number_on_one_rank_ends_all_with_its_batch(folder, found, name):
    assert [rank[name]["code"] for rank in found] == [4, 4]
    assert found[1][name]["stderr"] == ""
    message = found[0][name]["stderr"]
    assert "the training loss is nan in step 1 of epoch 2" in message
    bad = torch.load(folder / "outputs" / name / "diverged.pth", weights_only=True)
    assert all(image in message for image in bad["ids"])
    split = (folder / "outputs" / name / "split.csv").read_text().split()
    train = [line.split(",")[0] for line in split if line.endswith(",train")]
    batch = [train[index] for index in epoch_order(41, 2, 11)[:4]]
    assert bad["ids"] == batch[2:]  # the second rank's
    assert len(bad["images"]) == 2


def test_a_signal_and_lost_ranks_change_nothing(folder, found):
    """torchrun gets SIGTERM. After the resume, kill -9 ends the second rank and later the first; both are restarted."""
    assert found[0]["plain"]["code"] == 0
    config = ("--config", folder / "tiny.yaml", "--resume")
    other, run = folder / "disturbed", folder / "disturbed" / "outputs" / "tiny"
    process = start("train", other, "", *config)
    for line in process.stdout:
        if line.startswith("epoch   1"):
            process.send_signal(signal.SIGTERM)
            break
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert len(re.findall(r"stopped by SIGTERM after .*; saved in .*, --resume goes on", err)) == 1
    stopped = torch.load(run / "last.pth", weights_only=True)
    assert 1 <= stopped["epoch"] < 4
    assert digest(run) != digest(folder / "outputs" / "tiny")

    process = start("train", other, "1:2,0:2", *config, restarts=3)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert out.count("resume  after epoch") == 3
    assert err.count("Signal 9 (SIGKILL)") + err.count("exitcode: -9") >= 2, err
    assert "Traceback" not in err
    assert digest(run) == digest(folder / "outputs" / "tiny")


@pytest.mark.parametrize("sizes", [[3, 4], [2, 2, 3], [1] * 7])
def test_accumulation_gives_the_gradient_and_the_terms_of_the_whole_batch(sizes):
    terms = [{"name": "BCEWithLogitsLoss", "factor": 0.5}, {"name": "DiceLoss", "per_image": True}]
    torch.manual_seed(0)
    images, target = torch.randn(7, 3, 8, 8), (torch.rand(7, 1, 8, 8) < 0.3).float()
    results = []
    for cut in (None, sizes):
        torch.manual_seed(1)
        model = nn.Conv2d(3, 1, 3, padding=1)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        training = training_of(model, optimizer, build_loss("WeightedSumLoss", terms=terms))
        loss, counts = training.step(images, target, cut), training.progress.counts.per_image()
        means = training.progress.losses.compute("training")
        results.append((loss, counts, means, [parameter.grad for parameter in model.parameters()]))
    torch.testing.assert_close(results[0], results[1], rtol=1e-5, atol=1e-7)


def test_the_environment_of_torchrun(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert Ranks.of_torchrun().alone
    monkeypatch.setenv("WORLD_SIZE", "4")  # some schedulers set it for themselves
    assert Ranks.of_torchrun().alone
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    ranks = Ranks.of_torchrun()
    assert (ranks.rank, ranks.count, ranks.local, ranks.is_first) == (3, 4, 1, False)


@pytest.mark.parametrize(
    ("ranks", "accumulate", "sync", "refused"),
    [
        (4, 2, False, None),
        (8, 1, False, None),
        (1, 8, False, None),
        (2, 2, False, "processes: 4 → 2"),
        (4, 1, False, "train.accumulate: 2 → 1"),
        (8, 1, True, "processes: 4 → 8"),
    ],
)
def test_which_numbers_of_processes_may_go_on(folder, ranks, accumulate, sync, refused):
    """The run began with 4 processes, each of which accumulated 2 micro-batches."""
    changes = ("train.batch_size=16", f"train.sync_batch_norm={str(sync).lower()}")
    before, now = (load_config(folder / "tiny.yaml", [*changes, f"train.accumulate={k}"]) for k in (2, accumulate))
    state = {"config": before.model_dump(), "machine": {"processes": 4}}
    if refused is None:
        continued(now, state, Ranks(0, ranks))
    else:
        with pytest.raises(ConfigError, match=re.escape(refused)):
            continued(now, state, Ranks(0, ranks))


def progress_of(*batches):
    progress = EpochProgress(SegmentationCounts())
    for loss, images in batches:
        progress.losses.add(torch.tensor(loss), {}, images=images)
        progress.counts.update(torch.ones(images, 1, 2, 2, dtype=torch.bool), torch.ones(images, 1, 2, 2))
        progress.steps += 1
    return progress


@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_progress_is_whole_on_any_number_of_ranks(ranks):
    shares = [progress_of((1.0, 2)), progress_of((2.0, 3)), progress_of((4.0, 1))]
    state = shares[0].state_dict([share.state_dict() for share in shares[1:]])
    taken = [EpochProgress(SegmentationCounts()) for _ in range(ranks)]
    for rank, progress in enumerate(taken):
        progress.load_state_dict(state, device=CPU.device, rank=rank, ranks=ranks)
        assert (progress.steps, progress.images_before) == (1, 6)
    if ranks == 3:
        found = [progress.losses.compute("training")["loss"] for progress in taken]
        assert found == [1, 2, 4]
    sums = sum(progress.losses.state_dict()["sums"].get("loss", 0) for progress in taken)
    assert sums == 1 * 2 + 2 * 3 + 4 * 1
    images = [progress.counts.state_dict()["counts"] for progress in taken]
    assert sum(len(counts) for counts in images if counts is not None) == 6


def test_one_process_needs_no_group():
    assert ALONE.first(lambda: 3) == 3
    assert ALONE.agree(15, True) == (15, True)
    assert ALONE.gathered("x") == ["x"]
    model = nn.Conv2d(1, 1, 1)
    assert ALONE.begin(model, sync_batch_norm=False) is model
