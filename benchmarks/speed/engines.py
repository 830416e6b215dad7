"""Times prediction with ONNX Runtime and OpenVINO against ours, on the same folded network, with the IoU of each.

    python -m benchmarks.speed.engines --run outputs/<a run with data.crop>
    python -m benchmarks.speed.engines --model NestedUNet --threads 1

Needs `pip install onnx onnxruntime onnxscript openvino`. The networks take turns in one process. A ratio is our time in
fp32 divided by the engine's. A calibrated int8 network has its scales, which tiles of training images gave, in the ONNX
file (ONNX Runtime's QDQ format); both engines run the same file. The other int8 network is that of
`predict.py --engine openvino-int8`. With --model the weights are random and there is no IoU.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from assemble import data_folder
from benchmarks.measure import take_turns
from benchmarks.speed.crowded import spread
from benchmarks.speed.infer import predicting
from datasets.samples import Samples
from datasets.split import read_split, select
from engine.device import choose_runtime
from inference.engines import PRECISIONS, OpenVinoModel, network_in
from inference.integers import Ranges, ranges_of
from inference.predictor import Predictor
from models import build_model, fold_batch_norm
from saved_run import SavedRun, open_run
from system.errors import ConfigError, run_script
from system.machine.hardware import default_precision
from system.machine.process import settle_allocator

ROOT = Path(__file__).resolve().parents[2]
HALF = (16, 32, 64, 128, 256)
BATCH, SIDE = 4, 256  # tiles at once, and the side of a tile without --run
CALLS = 20  # in a turn, because the threads of the engine before still spin while the first one runs
Network = Callable[[np.ndarray], np.ndarray]  # images [BATCH, C, side, side] float32 → logits [BATCH, K, side, side]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="run folder of square crops")
    parser.add_argument("--model", choices=("UNet", "NestedUNet"), default="UNet", help="without --run, at half width")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=0, help="validation images that are scored; 0: none")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    given = parser.parse_args()
    settle_allocator(os.environ)
    torch.set_num_threads(given.threads)
    saved = None if given.run is None else open_run(given.run, device="cpu", precision="fp32")
    whole = network_in(saved.predictor.model) if saved else build_model(given.model, filters=HALF).eval()
    tiles = list(training_tiles(saved)) if saved else random_tiles()
    side = tiles[0].shape[-1]
    with tempfile.TemporaryDirectory() as folder:
        engines = engines_of(whole, tiles, Path(folder), given.threads)
        turns = {name: lambda run=run: [run(tiles[0]) for _ in range(CALLS)] for name, run in engines.items()}
        timing = take_turns(turns, rounds=given.rounds, seconds=80)
        name = saved.config.model.name if saved else given.model
        print(f"{name}, {BATCH} tiles of {side}×{side}, {given.threads} threads\n")
        print("| engine | ms | ours in fp32 / it | farthest logit | IoU |\n|---|---|---|---|---|")
        expected = engines["ours, fp32"](tiles[0])
        for label, run in engines.items():
            middle, lower, upper = timing.ratio("ours, fp32", label)
            iou = f"{iou_of(saved, run, given.images):.4f}" if saved and given.images else ""
            far = np.abs(run(tiles[0]) - expected).max()
            ms = spread(timing.seconds[label], factor=1e3 / CALLS, digits=1)
            print(f"| {label} | {ms} | {middle:.2f} ({lower:.2f}–{upper:.2f}) | {far:.3f} | {iou} |", flush=True)


def engines_of(whole: nn.Module, tiles: list[np.ndarray], folder: Path, threads: int) -> dict[str, Network]:
    """Returns the name of each engine and precision with the network in it, whose batch norm is folded."""
    network, plain, calibrated = fold_batch_norm(whole), folder / "network.onnx", folder / "int8.onnx"
    export(network, tiles[0], plain)
    quantise(plain, calibrated, tiles)
    engines = {f"ours, {precision}": ours(network, precision) for precision in ("fp32", "bf16")}
    engines |= {
        "ONNX Runtime, fp32": onnx_runtime(plain, threads),
        "ONNX Runtime, calibrated int8": onnx_runtime(calibrated, threads),
    }
    shape, ends = tiles[0].shape[1:], [torch.full(tiles[0].shape[1:], float(end(tiles))) for end in (np.min, np.max)]
    for precision in PRECISIONS:
        engines[f"OpenVINO, {precision}"] = offered(network, shape, precision)
    engines["OpenVINO, int8"] = offered(network, shape, default_precision("cpu"), ranges_of(whole, *ends))
    return engines | {"OpenVINO, calibrated int8": openvino(calibrated, threads)}


def ours(network: nn.Module, precision: str) -> Network:
    runtime = choose_runtime("cpu", precision)
    network = runtime.place(network)
    return lambda images: predicting(network, runtime, torch.from_numpy(images))().numpy()


def offered(network: nn.Module, shape: tuple[int, int, int], precision: str, ranges: Ranges | None = None) -> Network:
    """The engine as `load_run(…, engine="openvino")` has it, and with ranges as "openvino-int8"."""
    model = OpenVinoModel(copy.deepcopy(network), shape, precision, ranges)
    return lambda images: model(torch.from_numpy(images)).numpy()


def export(network: nn.Module, images: np.ndarray, path: Path) -> None:
    example = (torch.from_numpy(images),)
    contiguous, names = network.to(memory_format=torch.contiguous_format), {"input_names": ["images"]}
    torch.onnx.export(contiguous, example, path, dynamo=True, external_data=False, verbose=False, **names)


def quantise(plain: Path, calibrated: Path, tiles: list[np.ndarray]) -> None:
    """Writes the network with int8 weights and activations, whose ranges are those in `tiles`."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left = iter(tiles)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(({"images": tile} for tile in self._left), None)

    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
    quantize_static(plain, calibrated, Reader(), quant_format=QuantFormat.QDQ, **types)


def onnx_runtime(path: Path, threads: int) -> Network:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def openvino(path: Path, threads: int) -> Network:
    import openvino as ov

    hints = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = ov.Core().compile_model(path, "CPU", hints)
    return lambda images: compiled(images)[0]


def training_tiles(saved: SavedRun, batches: int = 8) -> Iterator[np.ndarray]:
    """Yields batches of tiles as the network sees them, from the upper left corners of training images.

    Raises:
        ConfigError: the run was not trained with square crops.
    """
    samples, predictor = samples_of(saved, "train"), saved.predictor
    height, width = saved.config.data.tile or (0, 0)
    if not height or height != width:
        raise ConfigError("--run needs a run with data.crop: n")
    for first in range(0, BATCH * batches, BATCH):
        inputs = [predictor.input_of(samples[index][0][:height, :width]) for index in range(first, first + BATCH)]
        yield predictor.normalise.planes(torch.stack(inputs).float()).numpy()


def random_tiles() -> list[np.ndarray]:
    return [np.random.default_rng(0).normal(size=(BATCH, 3, SIDE, SIDE)).astype(np.float32)]


def samples_of(saved: SavedRun, part: str) -> Samples:
    folder = data_folder(saved.config, ROOT)
    split = read_split(saved.folder.path / "split.csv", [sample.id for sample in folder.samples])
    return Samples(select(folder.samples, split, part), saved.predictor.reader, folder.task, size=None)


class _Engine(nn.Module):
    """A network in an engine that takes exactly BATCH images at once."""

    def __init__(self, run: Network) -> None:
        super().__init__()
        self._run = run

    def forward(self, images: Tensor) -> Tensor:
        return torch.cat([self._some(some) for some in images.split(BATCH)])

    def _some(self, images: Tensor) -> Tensor:
        full = torch.cat([images, images.new_zeros(BATCH - len(images), *images.shape[1:])])
        return torch.from_numpy(self._run(full.contiguous().numpy())[: len(images)].copy())


def iou_of(saved: SavedRun, run: Network, count: int) -> float:
    """Returns the IoU of the foreground over the first validation images at their own size."""
    samples, predictor = samples_of(saved, "val"), replace(saved.predictor)
    predictor.folded.model = _Engine(run)
    counts = predictor.task.counts()
    for index in range(min(count, len(samples))):
        image, target = samples[index]
        masks = torch.from_numpy(Predictor.masks(predictor, image))
        counts.update(masks[None], predictor.task.to_tensor(target)[None])
    return counts.compute().iou


if __name__ == "__main__":
    sys.exit(run_script(main))
