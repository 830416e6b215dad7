"""Measures a step of training against the plain path and other libraries: its time, peak memory and page faults."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable

from torch import Tensor, nn

from benchmarks.measure import take_turns
from benchmarks.plain import PlainNet, plain_step
from benchmarks.speed.data import cached_batches, file_batches
from benchmarks.speed.limits import Limits
from benchmarks.speed.peak import ALLOCATOR, peak_of
from benchmarks.speed.rows import Row, shares_of, timed_row
from benchmarks.speed.settings import Settings
from benchmarks.step import random_batch, step_on
from engine.device import Runtime, choose_runtime
from system.machine.hardware import LAYOUTS

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
        runtime = choose_runtime(settings.device, settings.precision)
        second = in_other_layout(runtime)
        steps = {
            "ours": step_on(ours_from, model_name=name, loss_name=LOSS, runtime=runtime),
            second.layout: step_on(ours_from, model_name=name, loss_name=LOSS, runtime=second),
            "plain": plain_step(PlainNet(name), LOSS, plain_from, device=settings.device),
        }
        if name == "NestedUNet":
            for label, network in other_networks().items():
                steps[label] = plain_step(network, LOSS, plain_from, device=settings.device)
        timing = take_turns(steps, **settings.timing)
        shares = shares_of(steps["ours"], timing.median("ours"), limits)
        work = f"{name} step, batch {settings.batch} at {settings.size}×{settings.size}, {settings.precision}"
        work += ", without data" if settings.no_data else ", with its data"
        asked = {"plain": ASKED.get((name, settings.precision), ""), **PEERS_ASKED}
        rows += [
            timed_row(f"{work}, {runtime.layout}", timing, other=other, asked=asked[other], shares=shares)
            for other in steps
            if other not in ("ours", second.layout)
        ]
        rows.append(timed_row(f"{work}, {second.layout}", timing, ours=second.layout, other="plain", asked=""))
    return rows + (memory_rows(settings) if settings.device == "cpu" else [])


def in_other_layout(runtime: Runtime) -> Runtime:
    """Returns the same device and precision with the layout that `auto` does not choose there."""
    (layout,) = set(LAYOUTS) - {runtime.layout}
    return choose_runtime(runtime.device.type, runtime.precision, layout=layout)


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
        found[MONAI] = monai_network("NestedUNet")
    if importlib.util.find_spec("segmentation_models_pytorch"):
        from segmentation_models_pytorch import UnetPlusPlus

        found[SMP] = UnetPlusPlus("resnet34", encoder_weights=None, in_channels=3, classes=1)
    return found


def monai_network(name: str) -> nn.Module:
    """Builds MONAI's UNet or NestedUNet of the same widths; the sixth is the width of the last up-sampled map."""
    from monai.networks.nets import BasicUNet, BasicUNetPlusPlus

    features = (32, 64, 128, 256, 512, 32)
    if name == "NestedUNet":
        return _First(BasicUNetPlusPlus(2, 3, 1, features=features))
    return BasicUNet(2, 3, 1, features=features)


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
        for label, measured in (("", ours), (", with memory kept as in train.py", kept)):
            ratio, peak = f"{measured['peak'] / plain['peak']:.2f}", f"{measured['peak']:,.0f} MiB"
            remark = f"{measured['faults']:,.0f} page faults a step, plain {plain['faults']:,.0f}"
            rows.append(Row(work + label, asked, ratio, peak, f"plain: {plain['peak']:,.0f} MiB", remark=remark))
    return rows
