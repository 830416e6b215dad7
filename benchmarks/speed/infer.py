"""Times prediction against the plain path: with the folded network, compiled, and with UNet++ pruned to depth 1."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.measure import take_turns
from benchmarks.plain import PlainNet
from benchmarks.speed.limits import Limits
from benchmarks.speed.rows import Row, shares_of, timed_row
from benchmarks.speed.settings import Settings
from benchmarks.speed.train import in_other_layout
from benchmarks.step import random_batch
from engine.device import Runtime, choose_runtime
from models import build_model, fold_batch_norm, prune

ASKED = {"fp32": "≥ 1.45, stretch 1.75 compiled", "bf16": "≥ 3.3, stretch 4 compiled"}
PRUNED_ASKED = {"fp32": "", "bf16": "≥ 25, stretch 28"}


def infer_rows(settings: Settings, limits: Limits) -> list[Row]:
    runtime = choose_runtime(settings.device, settings.precision)
    images, _ = random_batch(settings.batch, settings.size)
    rows = []
    for name in ("NestedUNet", "UNet"):
        folded, second = fold_batch_norm(build_model(name)), in_other_layout(runtime)
        networks = {"ours": runtime.place(folded)}
        if name == "NestedUNet":
            networks["pruned"] = runtime.place(fold_batch_norm(prune(build_model(name, deep_supervision=True), 1)))
        answers = {label: predicting(network, runtime, images) for label, network in networks.items()}
        answers[second.layout] = predicting(second.place(copy.deepcopy(folded)), second, images)
        if settings.compile:
            answers["compiled"], compile_seconds = compiled(networks["ours"], runtime, images)
        plain = PlainNet(name).to(settings.device).eval()
        answers["plain"] = no_grad(plain, images.to(settings.device))
        timing = take_turns(answers, **settings.timing)
        work = f"{name} inference, batch {settings.batch} at {settings.size}×{settings.size}, {settings.precision}"
        kinds = {"ours": (f", folded, {runtime.layout}", ASKED), second.layout: (f", folded, {second.layout}", {})}
        kinds |= {"pruned": (", pruned to depth 1", PRUNED_ASKED)}
        if settings.compile:
            kinds["compiled"] = (f", folded and compiled in {compile_seconds:.0f} s", ASKED)
        for kind in [kind for kind in kinds if kind in answers]:
            label, asked = kinds[kind]
            # A compiled network does the same work as the folded one, but in fewer operators.
            counted = answers["ours" if kind == "compiled" else kind]
            shares = shares_of(counted, timing.median(kind), limits)
            asking = asked.get(settings.precision, "") if name == "NestedUNet" else ""
            rows.append(timed_row(work + label, timing, ours=kind, other="plain", asked=asking, shares=shares))
    return rows


def predicting(network: nn.Module, runtime: Runtime, images: Tensor) -> Callable[[], Tensor]:
    """Returns a callable that predicts as `inference.predictor` does."""
    placed = runtime.move_images(images)

    @torch.inference_mode()
    def predict() -> Tensor:
        with runtime.autocast():
            return network(placed).float()

    return predict


def no_grad(network: nn.Module, images: Tensor) -> Callable[[], Tensor]:
    @torch.no_grad()
    def predict() -> Tensor:
        return network(images)

    return predict


def compiled(network: nn.Module, runtime: Runtime, images: Tensor) -> tuple[Callable[[], Tensor], float]:
    """Returns the callable of `predicting` for the compiled network, and the seconds that compiling took."""
    predict = predicting(torch.compile(network), runtime, images)
    before = time.perf_counter()
    predict()
    return predict, time.perf_counter() - before
