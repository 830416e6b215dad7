"""A 3×3 convolution that can compute the gradient of its weights in three ways. All are exact; they differ in time."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

# Where the two other ways pay, by measurement: see "The gradient of the weights" in docs/results.md.
SIDE = 48  # of the image, in pixels, at least
SWAPPED_OUTPUTS, PRODUCTS_SIZE = 32, 40_000  # output channels; side · input channels · output channels, at least


class Conv2d(nn.Conv2d):
    """A convolution 3×3, padded by one pixel: [N, in, H, W] → [N, out, H, W].

    Attributes:
        weight_gradient: "direct" is PyTorch's own way. "swapped" and "products" name `swapped_gradient` and
            `gradient_by_products`, which are taken for float32 in channels last on a CPU and only for those shapes
            where they pay. The last bits of a training depend on it.
    """

    weight_gradient = "direct"

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and self._pays(min(x.shape[2:])) and _is_plain_float32(x):
            return _Convolve.apply(x, self.weight, self.bias, self.weight_gradient)
        return super().forward(x)

    def _pays(self, side: int) -> bool:
        """Returns whether another way than the direct one is asked for and pays for images of this side."""
        if self.weight_gradient == "direct" or side < SIDE:
            return False
        if self.weight_gradient == "products":
            return side * self.in_channels * self.out_channels >= PRODUCTS_SIZE
        return self.out_channels >= SWAPPED_OUTPUTS


def _is_plain_float32(x: Tensor) -> bool:
    """Returns whether this is float32 in channels last on a CPU, and no autocast makes anything else of it."""
    last = x.is_contiguous(memory_format=torch.channels_last)
    return last and x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, weight: Tensor, bias: Tensor, how: str) -> Tensor:
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    def setup_context(ctx: torch.autograd.function.FunctionCtx, inputs: tuple, output: Tensor) -> None:
        x, weight, _, ctx.how = inputs
        ctx.save_for_backward(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_input = _convolution_backward(gradient, x, weight, of_input=True) if ctx.needs_input_grad[0] else None
        return of_input, WAYS[ctx.how](x, gradient), gradient.sum((0, 2, 3)), None


def _convolution_backward(gradient: Tensor, x: Tensor, weight: Tensor, *, of_input: bool = False) -> Tensor:
    """Returns the gradient of the input, [N, in, H, W], or else that of the weights, [out, in, k, k], k = 3 or 1."""
    ones, padding, mask = [1, 1], [weight.shape[2] // 2] * 2, [of_input, not of_input, False]
    found = torch.ops.aten.convolution_backward(gradient, x, weight, None, ones, padding, ones, False, [0, 0], 1, mask)
    return found[0 if of_input else 1]


def swapped_gradient(x: Tensor, gradient: Tensor) -> Tensor:
    """Returns the gradient of the weights, [out, in, 3, 3], with the roles of the two tensors exchanged.

    The sum over p of gradient[p] · x[p + k] is the sum over q of x[q] · gradient[q − k]. So it is the mirrored gradient
    of the weights of a convolution from `gradient` to `x`. oneDNN's kernel for AVX-512 takes less time this way.

    Args:
        x: the input of the convolution, [N, in, H, W].
        gradient: the gradient of its output, [N, out, H, W].
    """
    weight = x.new_empty(x.shape[1], gradient.shape[1], 3, 3)  # only its shape counts
    return _convolution_backward(x, gradient, weight).flip(2, 3).transpose(0, 1)


def gradient_by_products(x: Tensor, gradient: Tensor) -> Tensor:
    """Returns the gradient of the weights, [out, in, 3, 3], by three matrix products for each image.

    oneDNN's kernel for AVX2 uses less than half of the processor in channels last if the images are large. Here the
    gradient of an image is written down three times side by side, shifted by a pixel to the right, not at all and to
    the left. One product of the image with it, for each shift down or up, sums over all pixels. A product is the
    gradient of the weights of a convolution 1×1, because oneDNN multiplies faster than torch.mm on many processors.

    Args:
        x, gradient: as for `swapped_gradient`, both float32 in channels last.
    """
    _, outputs, height, width = gradient.shape
    sums = x.new_zeros(3, x.shape[1], 3 * outputs, 1, 1)
    weight = x.new_empty(sums.shape[1:])  # only its shape counts
    padded = x.new_zeros(height + 2, width + 2, outputs)
    neighbours = padded.as_strided((height + 2, width, 3 * outputs), ((width + 2) * outputs, outputs, 1))
    for image, part in zip(x.split(1), gradient.permute(0, 2, 3, 1), strict=True):
        padded[1:-1, 1:-1] = part
        rows = neighbours.contiguous()
        for shift in range(3):
            shifted = rows[None, shift : shift + height].permute(0, 3, 1, 2)
            sums[shift] += _convolution_backward(image, shifted, weight)
    # The image at p met the gradient at p + shift − 1, which is mirrored to the weights' order.
    return sums.view(3, x.shape[1], 3, outputs).flip(0, 2).permute(3, 1, 0, 2)


WAYS = {"swapped": swapped_gradient, "products": gradient_by_products}
