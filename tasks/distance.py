"""The task `distance`: the foreground, and how deep inside its cell each pixel lies."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from system.void import VOID
from tasks.distance_maps import STEPS, distance_map
from tasks.instance import InstanceTask, mean_where


class Distance(InstanceTask):
    """The second channel is the normalised distance of `tasks.distance_maps`. Its output is linear, without a sigmoid.

    Naylor et al. 2019 ("Segmentation of Nuclei in Histopathology Images by Deep Regression of the Distance Map")
    separate touching nuclei in this way. The distance is stored in steps of 1/254.
    """

    term = "distance"
    factor = 4.0  # squared errors of a map in [0, 1] are small beside the loss of a mask

    def separation(self, labels: np.ndarray, magnification: float) -> np.ndarray:
        return np.rint(distance_map(labels) * STEPS).astype(np.uint8)

    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Turns [N, H, W, 2] uint8 into float32 [N, 2, H, W]: {0, 1, 255 void}, and [0, 1] or 255 void."""
        tensor = super().batch_to_tensor(target)
        distance = tensor[:, 1]
        distance.copy_(torch.where(distance == VOID, distance, distance / STEPS))
        return tensor

    @staticmethod
    def term_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Returns the mean of (z − d)² over the pixels that are not void."""
        return mean_where((logits - target).square(), valid)

    def maps(self, logits: Tensor) -> Tensor:
        """Returns the probability of the foreground, and the distance, which a linear output may miss, in [0, 1]."""
        return torch.cat([super().maps(logits[:, :1]), logits[:, 1:].clamp(0, 1)], dim=1)

    def logits(self, maps: Tensor) -> Tensor:
        return torch.cat([super().logits(maps[:, :1]), maps[:, 1:]], dim=1)
