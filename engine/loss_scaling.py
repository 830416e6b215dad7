"""Loss scaling keeps the small gradients of a training in float16. This one never waits for the device.

The method is that of Micikevicius et al. 2018, "Mixed precision training" (ICLR). The loss is multiplied by a scale, so
that gradients stay above 6e-8, the smallest positive number of float16. The gradients of the weights, which are
float32, are then divided by the scale. If a gradient overflows, the update is left out and the scale is halved. Such
overflows are expected: this is how the largest usable scale is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, optim

from engine.device import Runtime

# At a scale of 1 the loss is not enlarged at all. A gradient that overflows even then is larger than 65504 itself: the
# training has diverged.
SMALLEST = 1.0
FIRST = 2.0**16  # the value of PyTorch's scaler
GROWTH_INTERVAL = 2000  # updates without an overflow after which the scale is doubled; the value of PyTorch's scaler


class LossScaling:
    """Does not scale at all: this is enough for precisions that have the range of float32.

    Attributes:
        scale: float32 scalar on the device; None if the loss is not scaled.
    """

    scale: Tensor | None = None

    def scaled(self, loss: Tensor) -> Tensor:
        """Returns the value to call `backward` on."""
        return loss

    def unscale_(self, gradients: Sequence[Tensor]) -> None:
        """Turns the gradients of the scaled loss into those of the loss itself, in place."""

    def step(self, optimizer: optim.Optimizer, loss: Tensor, gradient_norm: Tensor) -> None:
        """Updates the weights.

        Args:
            loss, gradient_norm: the loss itself and the norm of its gradient, without the scale; scalars on the device.
        """
        optimizer.step()

    def state_dict(self) -> dict | None:
        """Returns what a checkpoint stores. This waits for the device."""
        return None

    def load_state_dict(self, state: Mapping | None) -> None:
        """Takes over what `state_dict` returned."""


class DynamicLossScaling(LossScaling):
    """Finds, while training, the largest power of two with which the gradients do not overflow.

    It works like `torch.amp.GradScaler`, with two differences. There the update depends on the gradients alone; here
    the loss has to be finite too. And `scale` can be read without a wait.

    Args:
        optimizer: built with fused=True. Its kernels read a flag on the device, and leave the weights unchanged if the
            flag is set.
    """

    def __init__(self, optimizer: optim.Optimizer, device: torch.device) -> None:
        if not all(group.get("fused") for group in optimizer.param_groups):
            raise ValueError("loss scaling needs an optimiser built with fused=True")
        self.scale = torch.full((), FIRST, device=device)
        self._updates = torch.zeros((), device=device)  # number of updates since the scale last changed
        # If the kernel of SGD leaves the first update out, its momentum is never initialised. So it is set to 0 here.
        for group in optimizer.param_groups:
            for parameter in group["params"] if group.get("momentum") else ():
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss * self.scale

    def unscale_(self, gradients: Sequence[Tensor]) -> None:
        torch._foreach_mul_(list(gradients), 1 / self.scale)  # this is exact, because the scale is a power of two

    def step(self, optimizer: optim.Optimizer, loss: Tensor, gradient_norm: Tensor) -> None:
        overflow = (~(loss.isfinite() & gradient_norm.isfinite())).float()
        optimizer.found_inf = overflow
        optimizer.step()
        updates = (self._updates + 1) * (1 - overflow)
        grown = (updates == GROWTH_INTERVAL).float()
        self.scale = (self.scale * (1 - 0.5 * overflow + grown)).clamp(min=SMALLEST)
        self._updates = updates * (1 - grown)

    def state_dict(self) -> dict[str, float]:
        return {"scale": self.scale.item(), "updates": self._updates.item()}

    def load_state_dict(self, state: Mapping) -> None:
        self.scale.fill_(state["scale"])
        self._updates.fill_(state["updates"])


def build_loss_scaling(runtime: Runtime, optimizer: optim.Optimizer) -> LossScaling:
    """Returns the loss scaling that the runtime's precision needs."""
    return DynamicLossScaling(optimizer, runtime.device) if runtime.precision == "fp16" else LossScaling()
