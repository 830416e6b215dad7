"""Test-time augmentation: a network sees each image in all its symmetries, and its maps are averaged."""

from __future__ import annotations

from torch import Tensor, nn

from tasks.task import Task

FLIPS = ((), (2,), (3,), (2, 3))  # axes of [N, C, H, W]


class SymmetricModel(nn.Module):
    """A network whose maps are the means over the symmetries of its input: [N, C, H, W] → logits [N, C, H, W] float32.

    A square has eight symmetries, its flips and quarter turns. Other rectangles have the four flips.

    Args:
        model: the network, in eval mode.
        task: turns logits into maps and back; the maps are averaged, not the logits.
    """

    def __init__(self, model: nn.Module, task: Task) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, images: Tensor) -> Tensor:
        turns = (False, True) if images.shape[2] == images.shape[3] else (False,)
        total = 0
        for turned in turns:
            seen = images.transpose(2, 3) if turned else images
            for flips in FLIPS:
                maps = self.task.maps(self.model(seen.flip(flips)).float()).flip(flips)
                total = total + (maps.transpose(2, 3) if turned else maps)
        return self.task.logits(total / (len(turns) * len(FLIPS)))
