"""For tests/engine/test_distributed.py, torchrun starts this script in each rank.

rank_worker.py compare FOLDER                   makes trainings and sums of ranks one by one; writes findings as JSON
rank_worker.py train FOLDER RANK:STEP,… ARGUMENT…
                                                runs the main of train.py; in attempt n, the n-th RANK is killed at its
                                                STEP
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from support.trainings import CPU, training_of
from torch import distributed, nn

import train
from datasets.loading.loaders import EpochBatches, scoring_loader
from engine.distributed import ALONE, Ranks
from engine.loops import evaluate
from engine.training import Training
from images.normalise import IMAGENET
from losses import DeepSupervisionLoss, build_loss
from metrics import SegmentationCounts
from models import UNet
from system.errors import leave, run_script
from tasks.binary import Binary

RANK = int(os.environ["RANK"])
STEP = Training.step


def main() -> None:
    mode, folder, *rest = sys.argv[1:]
    train.ROOT = Path(folder)
    if mode == "train":
        kills, *arguments = rest
        train_with_kills(kills.split(","), arguments)
    else:
        found = compare(Path(folder))
        (Path(folder) / f"found{RANK}.json").write_text(json.dumps(found))


def train_with_kills(kills: list[str], arguments: list[str]) -> None:
    attempt, steps = int(os.environ["TORCHELASTIC_RESTART_COUNT"]), []
    rank, step = map(int, kills[attempt].split(":")) if attempt < len(kills) and kills[attempt] else (-1, -1)

    def watched(training, *batch):
        steps.append(1)
        if (rank, step) == (RANK, len(steps)):
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.2)  # for a signal to come in time
        return step_of(training, *batch)

    step_of, Training.step = Training.step, watched
    sys.argv = ["train.py", *arguments]
    leave(run_script(train.main))


def compare(folder: Path) -> dict:
    written = []
    sys.addaudithook(lambda event, arguments: _note(written, folder / "outputs", event, arguments))
    config = str(folder / "tiny.yaml")
    found = {
        "plain": one_training(folder, config),
        "seed": one_training(folder, config, "name=seed", "seed=7"),
        "accumulate": one_training(folder, config, "name=accumulate", "train.accumulate=2"),
        "ema": one_training(folder, config, "name=ema", "train.ema=0.9", "train.norm_batches=2"),
        "batch": one_training(folder, config, "name=batch", "train.batch_size=3"),
        "data": one_training(folder, config, "name=data", "data.root=nowhere"),
        "used": one_training(folder, config),
        "sync": one_training(folder, config, "name=sync", "train.sync_batch_norm=true"),
    }
    if RANK:
        Training.step = poisoned
    found["diverged"] = one_training(folder, config, "name=diverged")
    poisoned.steps = 0
    found["diverged_in_fp16"] = one_training(folder, config, "name=diverged_in_fp16", "train.precision=fp16")
    found["written"] = len(written)
    meet_anew()
    with Ranks.of_torchrun() as ranks:
        gradients = [gradient_error(ranks, accumulate=k, count=count) for k, count in ((1, 6), (1, 5), (2, 7))]
        found |= {"gradients": gradients, "scores": [scores(ranks, folder, count) for count in (1, 2, 7, 11)]}
    return found


def one_training(folder: Path, config: str, *changes: str) -> dict:
    meet_anew()
    sys.argv = ["train.py", "--config", config, *changes]
    before, path = (sys.stdout, sys.stderr), folder / f"stderr{RANK}.txt"
    sys.stderr = path.open("w", encoding="utf-8")
    try:
        code = run_script(train.main, debug=False)
    except SystemExit as left:
        code = left.code
    finally:
        sys.stderr.close()
        sys.stdout, sys.stderr = before
        if distributed.is_initialized():
            distributed.destroy_process_group()
    return {"code": code, "stderr": path.read_text(encoding="utf-8")}


def meet_anew() -> None:
    """Makes the ranks meet as after a restart, when torchrun's store still has the addresses of the last group."""
    os.environ["TORCHELASTIC_RESTART_COUNT"] = str(int(os.environ["TORCHELASTIC_RESTART_COUNT"]) + 1)


def poisoned(training, images, *others):
    """Takes a step; the images of the third one are infinite. The second rank uses this in place of its own step."""
    poisoned.steps = getattr(poisoned, "steps", 0) + 1
    images = images * float("inf") if poisoned.steps == 3 else images
    return STEP(training, images, *others)


def gradient_error(ranks: Ranks, *, accumulate: int, count: int) -> float:
    """Compares the gradient of `count` images over all ranks with that of one process.

    Returns the largest difference, divided by the norm of the latter.
    """

    def gradient(group: Ranks, own: list[int], sizes: list[int], weight: float) -> torch.Tensor:
        torch.manual_seed(0)
        model = UNet(filters=(4, 8))
        training = training_of(model, torch.optim.SGD(model.parameters(), lr=0.0), ranks=group)
        training.begin()
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()  # its own statistics would be of other images
        training.step(images[own], target[own], sizes, weight)
        return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])

    generator = torch.Generator().manual_seed(3)
    images = torch.randn(count, 3, 32, 32, generator=generator)
    target = (torch.rand(count, 1, 32, 32, generator=generator) < 0.3).float()
    batches = EpochBatches(count, count, seed=0, accumulate=accumulate, rank=ranks.rank, ranks=ranks.count)
    expected = gradient(ALONE, [index for _, index in EpochBatches(count, count, seed=0).batch(0)], [count], 1.0)
    shared = gradient(ranks, [index for _, index in batches.batch(0)], *batches.micro_batches(0))
    return ((shared - expected).abs().max() / expected.norm()).item()


def scores(ranks: Ranks, folder: Path, count: int) -> dict:
    """Scores `count` images with the same weights, over all ranks and in this process alone: losses and counts."""
    from datasets.folder.data_folder import list_folder
    from datasets.samples import Samples
    from images.image_reader import ImageReader

    data = list_folder(folder / "small", Binary)
    samples = Samples(data.samples[:count], ImageReader(), data.task, size=(32, 32))
    torch.manual_seed(RANK)
    model = UNet(filters=(4, 8))
    if RANK:  # the first rank's running statistics count
        nn.init.uniform_(next(buffer for buffer in model.buffers() if buffer.is_floating_point()), 5, 6)
    with torch.no_grad():
        for parameter in model.parameters():
            distributed.broadcast(parameter, src=0)
    criterion, found = DeepSupervisionLoss(build_loss("BCEWithLogitsLoss")), {}
    for name, group, batch_size in (("ranks", ranks, 2), ("alone", ALONE, 4)):
        counts = SegmentationCounts()
        loader = scoring_loader(
            samples, IMAGENET, batch_size=batch_size, pin_memory=False, rank=group.rank, ranks=group.count
        )
        loss = evaluate(model, loader, counts, criterion=criterion, runtime=CPU, decide=data.task.decide, ranks=group)
        found[name] = {"loss": loss["loss"], "counts": counts.per_image().tolist()}
    return found


def _note(written: list, root: Path, event: str, arguments: tuple) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        path = str(arguments[0])
        if path.startswith(str(root)):
            written.append(path)


if __name__ == "__main__":
    main()
