"""The network as it is handed on: pixels in, logits out, and nothing else of this program."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from inference.predictor import Predictor


class PortableModel(nn.Module):
    """A network with its batch norm folded, and with the normalisation of pixels before it.

    Call: pixels [N, C, height, width] float32 from 0 to 255, of one fixed size and any N → logits of the same size,
    [N, K, height, width] float32.

    Args:
        network: normalised images → logits; in eval mode, without batch norm.
        scale, shift: [C, 1, 1] float32 each. The network sees pixels · scale − shift.
    """

    def __init__(self, network: nn.Module, scale: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.network(pixels * self.scale - self.shift)


def portable_model(predictor: Predictor) -> PortableModel:
    """Returns a copy of the network of a run that predicts on the CPU in fp32."""
    model = PortableModel(copy.deepcopy(predictor.network), *predictor.normalise.factors).eval().requires_grad_(False)
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone(memory_format=torch.contiguous_format)  # exporters warn of other strides
    return model


def example(channels: int, size: tuple[int, int]) -> Tensor:
    """Returns pixels that an exporter can trace the model with: [2, C, height, width]. A batch of 1 would be fixed."""
    return torch.zeros(2, channels, *size)


def any_batch() -> dict[int, torch.export.Dim]:
    """Returns what the exporters of torch need to know: the first axis may have any length."""
    return {0: torch.export.Dim("batch", min=1)}
