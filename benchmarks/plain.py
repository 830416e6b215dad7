"""The plain path has the same networks, losses and steps, written in the simplest way. All ratios compare with it.

It is eager, in float32 and channels first, with torch's defaults: F.interpolate, an optimiser that is not fused, and
the Lovász hinge in a loop over images. It shares no code with `models`, `losses` and `engine`, so that it also checks
them.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim


class PlainNet(nn.Module):
    """UNet or UNet++ with the state-dict names of `models`: [N, C, H, W], sides multiples of 16 → [N, K, H, W]."""

    def __init__(
        self,
        name: str,
        num_classes: int = 1,
        input_channels: int = 3,
        filters: tuple[int, ...] = (32, 64, 128, 256, 512),
    ) -> None:
        super().__init__()
        self.nested, self.levels = name == "NestedUNet", len(filters)
        for i, width in enumerate(filters):
            setattr(self, f"conv{i}_0", plain_block(filters[i - 1] if i else input_channels, width))
        for i, j in self._decoder():
            skips = j if self.nested else 1
            setattr(self, f"conv{i}_{j}", plain_block(skips * filters[i] + filters[i + 1], filters[i]))
        self.final = nn.Conv2d(filters[0], num_classes, 1)

    def _decoder(self) -> list[tuple[int, int]]:
        """Returns (level, column) of every node that up-samples, in an order in which they can be computed."""
        last = self.levels - 1
        if self.nested:
            return [(i, j) for j in range(1, self.levels) for i in range(self.levels - j)]
        return [(last - j, j) for j in range(1, self.levels)]

    def forward(self, image: Tensor) -> Tensor:
        nodes, x = {}, image
        for i in range(self.levels):
            x = nodes[i, 0] = getattr(self, f"conv{i}_0")(F.max_pool2d(x, 2) if i else x)
        for i, j in self._decoder():
            below = F.interpolate(nodes[i + 1, j - 1], scale_factor=2, mode="bilinear", align_corners=True)
            skips = [nodes[i, k] for k in range(j)] if self.nested else [nodes[i, 0]]
            nodes[i, j] = getattr(self, f"conv{i}_{j}")(torch.cat([*skips, below], dim=1))
        return self.final(nodes[0, self.levels - 1])


def plain_block(in_channels: int, width: int) -> nn.Sequential:
    """Builds conv 3×3 → batch norm → ReLU, twice: [N, in, H, W] → [N, width, H, W]."""
    layers = {
        "conv1": nn.Conv2d(in_channels, width, 3, padding=1),
        "bn1": nn.BatchNorm2d(width),
        "relu1": nn.ReLU(),
        "conv2": nn.Conv2d(width, width, 3, padding=1),
        "bn2": nn.BatchNorm2d(width),
        "relu2": nn.ReLU(),
    }
    block = nn.Sequential()
    for name, layer in layers.items():
        block.add_module(name, layer)
    return block


def lovasz_hinge_loop(logits: Tensor, target: Tensor) -> Tensor:
    """Returns the mean over images of the Lovász hinge (Berman et al. 2018, Algorithm 1), one image after the other."""
    losses = []
    for image_logits, image_target in zip(logits, target, strict=True):
        z, y = image_logits.flatten(), image_target.flatten()
        errors, order = torch.sort(1 - z * (2 * y - 1), descending=True)
        ordered = y[order]
        jaccard = 1 - (ordered.sum() - ordered.cumsum(0)) / (ordered.sum() + (1 - ordered).cumsum(0))
        steps = torch.cat([jaccard[:1], jaccard[1:] - jaccard[:-1]])
        losses.append(torch.dot(F.relu(errors), steps))
    return torch.stack(losses).mean()


def bce_dice(logits: Tensor, target: Tensor) -> Tensor:
    """Returns half the cross-entropy plus the mean Dice loss of the images."""
    p = torch.sigmoid(logits)
    dice = (2 * (p * target).sum((1, 2, 3)) + 1e-5) / (p.sum((1, 2, 3)) + target.sum((1, 2, 3)) + 1e-5)
    return 0.5 * F.binary_cross_entropy_with_logits(logits, target) + (1 - dice).mean()


PLAIN_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "LovaszHingeLoss": lovasz_hinge_loop,
    "BCEDiceLoss": bce_dice,
    "BCEWithLogitsLoss": F.binary_cross_entropy_with_logits,
}


def plain_step(
    model: nn.Module, loss_name: str, next_batch: Callable[[], tuple[Tensor, Tensor]], *, device: str
) -> Callable[[], Tensor]:
    """Returns a callable that trains `model` on one batch and returns the loss. The output of `model` is one tensor."""
    model.to(device).train()
    loss, optimizer = PLAIN_LOSSES[loss_name], optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> Tensor:
        images, target = (tensor.to(device) for tensor in next_batch())
        optimizer.zero_grad()
        value = loss(model(images), target)
        value.backward()
        optimizer.step()
        return value.detach()

    return step
