"""Another engine than PyTorch for the folded network: OpenVINO, which predicts faster on a CPU, also in integers.

docs/results.md has the measurements that decided which engines are offered.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from engine.device import Runtime
from inference.integers import Ranges, compute_in_integers
from inference.options import ENGINES
from inference.symmetries import SymmetricModel
from inference.tiling import TiledModel
from system.errors import ConfigError
from system.machine.hardware import cpu_features

PRECISIONS = {"fp32": "f32", "bf16": "bf16"}  # ours → OpenVINO's word


def require_engine(name: str, runtime: Runtime) -> None:
    """Looks for what an engine needs, without an import.

    Raises:
        ConfigError: there is no such engine, its package is missing, or it cannot compute on this device or processor
            or in this precision.
    """
    if name not in ENGINES:
        raise ConfigError(f"engine: got {name!r}; allowed: {', '.join(ENGINES)}")
    if name == "torch":
        return
    if runtime.device.type != "cpu" or runtime.precision not in PRECISIONS:
        able = " or ".join(PRECISIONS)
        raise ConfigError(f"engine: {name} computes on the CPU in {able}, and the run on {runtime}; use engine: torch")
    if find_spec("openvino") is None:
        raise ConfigError(f"engine: {name} needs the package openvino: python -m pip install openvino")
    if name == "openvino-int8" and "VNNI" not in cpu_features():
        raise ConfigError(f"engine: {name} needs a processor with VNNI, and this one has none; use engine: openvino")


def network_in(model: nn.Module) -> nn.Module:
    """Returns the network that tiles and symmetries are computed with; without them it is `model` itself."""
    return network_in(model.model) if isinstance(model, TiledModel | SymmetricModel) else model


def in_openvino(
    model: nn.Module, shape: tuple[int, int, int], precision: str, ranges: Ranges | None = None
) -> nn.Module:
    """Returns a folded model whose network computes in OpenVINO; tiles and symmetries stay as they are.

    Args:
        model: the network, or one in a `TiledModel` or a `SymmetricModel`; it is changed.
        shape: (C, h, w) of an image as the network sees it.
        precision: fp32 or bf16, of all that is not in integers.
        ranges: of the convolutions that are computed in integers, see `inference.integers`; None: all in floats.
    """
    if isinstance(model, TiledModel | SymmetricModel):
        model.model = in_openvino(model.model, shape, precision, ranges)
        return model
    return OpenVinoModel(model, shape, precision, ranges)


class OpenVinoModel(nn.Module):
    """A network in OpenVINO: [N, *shape] float32 on the CPU → logits [N, K, h, w] float32. Threads may share it.

    Args:
        network: the folded network, in eval mode.
        shape, precision, ranges: as for `in_openvino`.
    """

    def __init__(
        self, network: nn.Module, shape: tuple[int, int, int], precision: str, ranges: Ranges | None = None
    ) -> None:
        super().__init__()
        import openvino

        batch = {0: torch.export.Dim("batch", max=2**20)}
        with torch.inference_mode(False), torch.no_grad(), torch.autocast("cpu", enabled=False):
            network = network.to("cpu", memory_format=torch.contiguous_format)
            exported = torch.export.export(network, (torch.zeros(2, *shape),), dynamic_shapes=(batch,))
            model = openvino.convert_model(exported)  # it traces the network again
        hints = {
            "INFERENCE_PRECISION_HINT": PRECISIONS[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERFORMANCE_HINT": "LATENCY",  # one batch after the other, each with all threads
        }
        if ranges is not None:
            compute_in_integers(model, network, ranges)
        self._compiled = openvino.Core().compile_model(model, "CPU", hints)
        self._of_thread = threading.local()  # a request computes one batch at a time

    def forward(self, images: Tensor) -> Tensor:
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        return torch.from_numpy(self._of_thread.request.infer(images.float().contiguous().numpy())[0])
