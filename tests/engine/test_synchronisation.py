"""Nothing in the batch loop waits for the device: tried on one without numbers, and on a GPU where there is one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from support import epochs_without_waiting
from support.host_waits import META, HostCopies, MetaRuntime
from support.losses_cases import VALUES, every_choice, random_pair
from support.trainings import Batches, training_of
from torch import nn

from engine.divergence import UpdateGuard
from engine.loops import train_epoch
from engine.loss_scaling import DynamicLossScaling, LossScaling
from engine.progress import EpochProgress
from engine.schema.losses import SECTIONS
from losses import build_loss
from models import build_model
from tasks import load_task

ROOT = Path(__file__).resolve().parents[2]
CHOICES = list(every_choice())
RUNTIME = MetaRuntime(META, "fp32")


class Fused(torch.optim.SGD):
    """Says that it is fused, as on CUDA. A real fused kernel cannot run on a device without numbers."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=0.1)
        self.param_groups[0]["fused"] = True

    def step(self):
        pass


def copies_of_an_epoch(loss, task, *, model=None, clip_norm=None, scaled=False):
    """Trains on a batch twice, as on CUDA, and lists the host copies of the second time, when all caches are filled."""
    channels = 1 if task == "binary" else 3
    model = RUNTIME.place(model or nn.Conv2d(3, channels, 1))
    optimizer = Fused(model.parameters())
    means = load_task(task)([str(channel) for channel in range(channels)])
    training = training_of(model, optimizer, loss, runtime=RUNTIME, task=means, clip_norm=clip_norm)
    training.scaling = DynamicLossScaling(optimizer, META) if scaled else LossScaling()
    training.guard = UpdateGuard(optimizer, deferred=True, on_bad_step=pytest.fail)
    training.guard.settle = lambda: None  # reads the flag of the step before, which on CUDA is on the host by then
    _, target = random_pair(task, (2, channels, 6, 7), dtype=torch.float32)
    batches = Batches([(torch.zeros(2, 3, 6, 7), target)])
    recorder = HostCopies()
    for context in (torch.enable_grad(), recorder):
        training.progress = progress = EpochProgress(means.counts(by_class=False))
        progress.losses.compute = lambda phase: {}  # the epoch's end, where waiting is right
        with context:
            train_epoch(training, batches)
        assert progress.steps == 1
    return recorder.found


def test_every_key_of_every_loss_is_tried():
    keys = {key for section in SECTIONS.values() for key in section.model_fields} - {"name"}
    assert keys == VALUES.keys()
    for name, section in SECTIONS.items():
        tried = {key for loss, _ in CHOICES if loss["name"] == name for key in loss}
        assert section.model_fields.keys() - tried <= {"include_background"}  # which no task allows BinaryDiceLoss


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SECTIONS, "WeightedSumLoss"])
def test_no_loss_waits(name):
    found = {
        str((loss, task)): copies_of_an_epoch(build_loss(**loss), task)
        for loss, task in CHOICES
        if loss["name"] == name
    }
    assert len(found) > 2
    assert {choice: copies for choice, copies in found.items() if copies} == {}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("clip_norm", [None, 1.0])
@pytest.mark.parametrize(("network", "deep_supervision"), epochs_without_waiting.NETWORKS)
def test_no_network_clipping_or_scaling_waits(network, deep_supervision, clip_norm, scaled):
    model = build_model(network, filters=(2, 2), deep_supervision=deep_supervision)
    assert (
        copies_of_an_epoch(build_loss("BCEDiceLoss"), "binary", model=model, clip_norm=clip_norm, scaled=scaled) == []
    )


class Backward(torch.autograd.Function):
    """The identity, whose gradient is multiplied by numbers that come from the host."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * torch.ones(7).to(gradient.device)


WAITING = {
    "item": lambda logits, target: logits.mean() * logits.mean().item(),
    "if": lambda logits, target: logits.mean() if logits.mean() > 0 else logits.sum(),
    "float": lambda logits, target: logits.mean() * float(target.sum()),
    "any": lambda logits, target: logits.mean() * bool((target == 255).any()),
    "cpu": lambda logits, target: logits.cpu().mean(),
    "mask": lambda logits, target: logits[target > 0.5].mean(),
    "masked_select": lambda logits, target: logits.masked_select(target > 0.5).mean(),
    "nonzero": lambda logits, target: logits.mean() * len(target.nonzero()),
    "unique": lambda logits, target: logits.mean() * len(target.unique()),
    "list": lambda logits, target: logits[:, [0]].mean(),
    "new_tensor": lambda logits, target: (logits * logits.new_tensor([2.0])).mean(),
    "tensor": lambda logits, target: (logits * torch.tensor([2.0], device=logits.device)).mean(),
    "as_tensor": lambda logits, target: (logits * torch.as_tensor(2.0, device=logits.device)).mean(),
    "to": lambda logits, target: (logits * torch.ones(7).to(logits.device)).mean(),
    "to of a scalar": lambda logits, target: logits.mean() * torch.ones(()).to(logits.device),
    "copy": lambda logits, target: (logits * torch.empty_like(logits[0]).copy_(torch.ones(7))).mean(),
    "index of the host": lambda logits, target: logits[..., torch.arange(3)].mean(),
    "backward": lambda logits, target: Backward.apply(logits).mean(),
}

COPIES = {"list", "new_tensor", "tensor", "as_tensor", "to", "to of a scalar", "copy", "index of the host", "backward"}


@pytest.mark.parametrize("way", WAITING)
def test_a_loss_that_waits_is_caught(way):
    """This is the control of the tests above."""

    class Waiting(nn.Module):
        def forward(self, logits, target):
            return WAITING[way](logits, target)

    if way in COPIES:
        assert copies_of_an_epoch(Waiting(), "binary") != []
    else:
        with pytest.raises(RuntimeError, match=r"(?i)meta"):  # NotImplementedError is one, too
            copies_of_an_epoch(Waiting(), "binary")


@pytest.mark.slow
def test_the_epochs_for_a_gpu_run_on_a_cpu():
    """This tries a few of the epochs, with the deferred guard, so that the script works when there is a GPU."""
    kinds = list(epochs_without_waiting.kinds())
    assert len(kinds) > len(CHOICES) + 12
    for kind in [*kinds[:: len(CHOICES) // 4], *kinds[-8:]]:
        assert epochs_without_waiting.train("cpu", **kind) > -5


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvidia-smi") is None, reason="needs an NVIDIA GPU; no driver is here")
def test_no_kind_of_training_waits_for_a_gpu():
    """This runs in a process of its own, because the tests hide the GPUs from theirs on purpose."""
    environment = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    if (given := os.environ["GPUS_OF_THE_TESTS"]) != "all":
        environment["CUDA_VISIBLE_DEVICES"] = given
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    sees = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    if subprocess.run([sys.executable, "-c", sees], env=environment, check=False).returncode:
        pytest.skip("PyTorch sees no GPU here")
    script = [sys.executable, ROOT / "tests" / "support" / "epochs_without_waiting.py", "cuda"]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
