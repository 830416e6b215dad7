"""Loss scaling, by which training in float16 keeps its small gradients, without a wait for the device.

Micikevicius et al. 2018, "Mixed precision training" (ICLR): the loss is multiplied by a scale, so that gradients stay
above the 6e-8 where float16 ends, and the weights' gradients, which are float32, are divided by it. What overflows is
no accident but how the scale is found: the update is left out, and the scale halved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, optim

from engine.device import Runtime

# Below 1 the loss would be made smaller: what overflows there is no small gradient that was lifted too high, but one of
# more than 65504, and a training that has diverged.
SMALLEST = 1.0
FIRST = 2.0**16  # as PyTorch's scaler, like the next
GROWTH_INTERVAL = 2000  # updates in a row after which twice the scale is tried


class LossScaling:
    """None: what precisions with float32's range need.

    Attributes:
        scale: float32 scalar on the device; None where the loss is not scaled.
    """

    scale: Tensor | None = None

    def scaled(self, loss: Tensor) -> Tensor:
        """What to call `backward` on."""
        return loss

    def unscale_(self, gradients: Sequence[Tensor]) -> None:
        """Makes the gradients those of the loss itself, in place."""

    def step(self, optimizer: optim.Optimizer, loss: Tensor, gradient_norm: Tensor) -> None:
        """Updates the weights.

        Args:
            loss, gradient_norm: scalars on the device, of the loss itself.
        """
        optimizer.step()

    def state_dict(self) -> dict | None:
        """For a checkpoint; waits for the device."""
        return None

    def load_state_dict(self, state: Mapping | None) -> None:
        """Goes on with the scale of `state_dict`."""


class DynamicLossScaling(LossScaling):
    """The largest power of two with which gradients do not overflow, found while training.

    As `torch.amp.GradScaler`, which would have the update depend on the gradients alone: here the loss, too, has to be
    finite, and `scale` can be looked at without a wait.

    Args:
        optimizer: built with fused=True, whose kernels leave the weights alone where a flag on the device says so.
    """

    def __init__(self, optimizer: optim.Optimizer, device: torch.device) -> None:
        if not all(group.get("fused") for group in optimizer.param_groups):
            raise ValueError("loss scaling needs an optimiser built with fused=True")
        self.scale = torch.full((), FIRST, device=device)
        self._updates = torch.zeros((), device=device)  # since the scale last changed
        # SGD's first momentum is whatever the memory held if its kernel leaves the first update out: so it starts at 0.
        for group in optimizer.param_groups:
            for parameter in group["params"] if group.get("momentum") else ():
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    def scaled(self, loss: Tensor) -> Tensor:
        return loss * self.scale

    def unscale_(self, gradients: Sequence[Tensor]) -> None:
        torch._foreach_mul_(list(gradients), 1 / self.scale)  # exact: a power of two

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
    """What a runtime's precision needs."""
    return DynamicLossScaling(optimizer, runtime.device) if runtime.precision == "fp16" else LossScaling()
