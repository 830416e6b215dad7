"""Epochs of every loss, network and precision, on a device; on CUDA a step that waits for it is an error.

python tests/support/epochs_without_waiting.py cuda
"""

import sys
from types import SimpleNamespace

import torch
from support.losses_cases import every_choice, random_pair
from support.trainings import BINARY, Batches, training_of
from torch.utils.data import DataLoader

from datasets.batch_augment import BatchAugmentation
from datasets.loading.device_loader import DeviceLoader
from datasets.loading.loaders import EpochBatches
from datasets.loading.training_set import TrainingSet
from engine.device import choose_runtime
from engine.divergence import UpdateGuard
from engine.loops import train_epoch
from engine.optimisers import OPTIMIZERS, build_optimizer
from images.image_reader import ImageReader
from images.normalise import IMAGENET
from losses import build_loss
from models import build_model
from system.errors import DivergedError
from tasks import load_task

STEPS = 4
NETWORKS = (("UNet", False), ("NestedUNet", False), ("NestedUNet", True))


def kinds():
    """Keywords of `train`: every loss with UNet in fp32, then every network, precision, optimiser and clipping."""
    for loss, task in every_choice():
        yield {"loss": loss, "task": task}
    for name, deep_supervision in NETWORKS:
        for precision in ("fp32", "bf16", "fp16"):
            network = {"name": name, "deep_supervision": deep_supervision}
            yield {"loss": {"name": "LovaszHingeLoss"}, "task": "binary", "network": network, "precision": precision}
    for crop in (None, (32, 32)):
        yield {"loss": {"name": "BCEDiceLoss"}, "task": "binary", "kept": {"crop": crop}}
    for optimizer in OPTIMIZERS:
        for precision in ("bf16", "fp16"):
            others = {"optimizer": optimizer, "precision": precision, "clip_norm": 0.1}
            yield {"loss": {"name": "CrossEntropyLoss"}, "task": "multiclass", **others}


class Noise:
    """Images of noise and masks, with everything of `datasets.samples.Samples` that `DeviceLoader` uses."""

    reader, task, target_channels = ImageReader(), BINARY, 1

    def __init__(self, *, crop):
        self.size, self.side = (None, 40) if crop else ((32, 32), 32)
        self.samples = [SimpleNamespace(id=str(index)) for index in range(STEPS * 2)]

    def __len__(self):
        return len(self.samples)

    def size_of(self, index):
        return self.side, self.side

    def __getitem__(self, index):
        image = torch.randint(0, 256, (self.side, self.side, 3), dtype=torch.uint8).numpy()
        return image, (image[..., :1] > 200).astype("uint8")


def kept_on(device, *, crop):
    """The batches of samples that are kept and changed on the device."""
    noise, change = TrainingSet(Noise(crop=crop), IMAGENET, None, seed=0, crop=crop), BatchAugmentation(square=True)
    return DeviceLoader(noise, EpochBatches(len(noise), 2, seed=0), change, device=device)


def train(device, *, loss, task, network=None, precision="fp32", optimizer="AdamW", clip_norm=None, kept=None):
    """One epoch as train.py makes it; between its first step and its last, waiting for CUDA raises RuntimeError."""
    runtime = choose_runtime(device, precision)
    shape = (STEPS * 2, 1 if task == "binary" else 3, 32, 32)
    _, target = random_pair(task, shape, dtype=torch.float32)
    samples = list(zip(torch.randn(shape[0], 3, 32, 32), target, strict=True))
    loader = Batches(DataLoader(samples, batch_size=2, pin_memory=runtime.on_cuda))
    if kept:
        loader = kept_on(runtime.device, **kept)
    network = {"name": "UNet"} | (network or {})
    model = runtime.place(build_model(num_classes=shape[1], filters=(4, 4, 4), **network))
    optimizer = build_optimizer(optimizer, model.parameters(), lr=1e-3)
    means = load_task(task)([str(channel) for channel in range(shape[1])])
    training = training_of(model, optimizer, build_loss(**loss), runtime=runtime, task=means, clip_norm=clip_norm)
    training.guard = UpdateGuard(optimizer, deferred=True)

    def after_step():
        if runtime.on_cuda:  # the first step fills caches, the epoch's end reads its results
            torch.cuda.set_sync_debug_mode("error" if training.progress.steps < STEPS else "default")

    return train_epoch(training, loader, after_step=after_step)["loss"]


def main(device):
    failures = 0
    for kind in kinds():
        try:
            train(device, **kind)
        except (RuntimeError, DivergedError) as error:
            torch.cuda.set_sync_debug_mode("default")
            failures += 1
            print(f"{kind}: {str(error).splitlines()[0]}")
    print(f"{failures} of {sum(1 for _ in kinds())} kinds of training failed")
    return failures


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1]), 1))
