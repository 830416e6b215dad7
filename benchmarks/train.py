"""Measures a step of training against the plain path and other libraries: its time, peak memory and page faults."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable

from torch import Tensor, nn

from benchmarks.data import cached_batches, file_batches
from benchmarks.limits import Limits
from benchmarks.measure import take_turns
from benchmarks.peak import ALLOCATOR, peak_of
from benchmarks.plain import PlainNet, plain_step
from benchmarks.rows import Row, shares_of, timed_row
from benchmarks.settings import Settings
from benchmarks.step import random_batch, step_on

ASKED = {
    ("NestedUNet", "fp32"): "≥ 1.25, stretch 1.6",
    ("NestedUNet", "bf16"): "≥ 2.5, stretch 3.2",
    ("UNet", "bf16"): "≥ 2.6, stretch 3.3",
}
LOSS = "LovaszHingeLoss"


def train_rows(settings: Settings, limits: Limits) -> list[Row]:
    rows = []
    for name in ("NestedUNet", "UNet"):
        ours_from, plain_from = _sources(settings)
        shared = {"model_name": name, "loss_name": LOSS, "precision": settings.precision, "device": settings.device}
        plain = plain_step(PlainNet(name), LOSS, plain_from, device=settings.device)
        steps = {"ours": step_on(ours_from, **shared), "plain": plain}
        if name == "NestedUNet":
            for label, network in other_networks().items():
                steps[label] = plain_step(network, LOSS, plain_from, device=settings.device)
        timing = take_turns(steps, **settings.timing)
        shares = shares_of(steps["ours"], timing.median("ours"), limits)
        work = f"{name} step, batch {settings.batch} at {settings.size}×{settings.size}, {settings.precision}"
        work += ", without data" if settings.no_data else ", with its data"
        asked = {"plain": ASKED.get((name, settings.precision), ""), **PEERS_ASKED}
        rows += [
            timed_row(work, timing, other=other, asked=asked[other], shares=shares)
            for other in steps
            if other != "ours"
        ]
    return rows + (memory_rows(settings) if settings.device == "cpu" else [])


def _sources(settings: Settings) -> tuple[Callable, Callable]:
    if settings.no_data:
        return (itertools.repeat(random_batch(settings.batch, settings.size)).__next__,) * 2
    return cached_batches(settings).__next__, file_batches(settings).__next__


MONAI, SMP = "MONAI BasicUNetPlusPlus", "smp UnetPlusPlus, resnet34"
PEERS_ASKED = {MONAI: "≥ 3.5 in bf16, stretch 4", SMP: ""}


def other_networks() -> dict[str, nn.Module]:
    """Builds networks of other libraries, if these are installed. Each is [N, 3, H, W] → [N, 1, H, W]."""
    found = {}
    if importlib.util.find_spec("monai"):
        from monai.networks.nets import BasicUNetPlusPlus

        # The widths are the same; the sixth is the width of the last up-sampled map.
        found[MONAI] = _First(BasicUNetPlusPlus(2, 3, 1, features=(32, 64, 128, 256, 512, 32)))
    if importlib.util.find_spec("segmentation_models_pytorch"):
        from segmentation_models_pytorch import UnetPlusPlus

        found[SMP] = UnetPlusPlus("resnet34", encoder_weights=None, in_channels=3, classes=1)
    return found


class _First(nn.Module):
    """A network that returns the only tensor in the list that `network` returns."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Tensor:
        return self.network(image)[0]


def memory_rows(settings: Settings) -> list[Row]:
    """Measures the peak memory and the page faults of a step. Each measurement has a process of its own."""
    rows, shape = [], {"batch": settings.batch, "size": settings.size}
    for name in ("NestedUNet", "UNet"):
        plain = peak_of("plain", name, "fp32", **shape)
        ours = peak_of("ours", name, settings.precision, **shape)
        kept = peak_of("ours", name, settings.precision, **shape, environment=ALLOCATOR)
        work = f"{name} step, {settings.precision}: peak memory above import"
        asked = "≤ 0.6, stretch 0.5" if settings.precision == "bf16" and name == "NestedUNet" else ""
        for label, measured in (("", ours), (", with the Makefile's allocator line", kept)):
            ratio, peak = f"{measured['peak'] / plain['peak']:.2f}", f"{measured['peak']:,.0f} MiB"
            remark = f"{measured['faults']:,.0f} page faults a step, plain {plain['faults']:,.0f}"
            rows.append(Row(work + label, asked, ratio, peak, f"plain: {plain['peak']:,.0f} MiB", remark=remark))
    return rows
