"""The task `distance`: the foreground, and how deep inside its cell each pixel lies."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from images.resize import resize_image
from system.void import VOID
from tasks.distance_maps import STEPS, distance_map
from tasks.instance import InstanceTask, mean_where


class Distance(InstanceTask):
    """The second channel is a sigmoid for the normalised distance of `tasks.distance_maps`.

    Naylor et al. 2019 ("Segmentation of Nuclei in Histopathology Images by Deep Regression of the Distance Map")
    separate touching nuclei in this way. They learn the distance everywhere, by its squared error. Here it is learnt by
    its cross-entropy, and on the foreground only, because decoding looks nowhere else; docs/results.md compares both.
    The distance is stored in steps of 1/254.
    """

    term = "distance"
    factor = 2.0

    def separation(self, labels: np.ndarray, magnification: float) -> np.ndarray:
        steps = np.rint(distance_map(labels) * STEPS).astype(np.uint8)
        return np.maximum(steps, labels > 0)  # above 0 in all of a cell

    def resize_separation(self, separation: np.ndarray, foreground: np.ndarray) -> np.ndarray:
        """Resizes the distance, which keeps its values, because it is relative to the size of the cell."""
        resized = resize_image(separation, foreground.shape)
        return np.maximum(resized, 1) * foreground  # above 0 in all of a cell, as in `separation`

    def batch_to_tensor(self, target: Tensor) -> Tensor:
        """Turns [N, H, W, 2] uint8 into float32 [N, 2, H, W]: {0, 1, 255 void}, and [0, 1] or 255 void."""
        tensor = super().batch_to_tensor(target)
        distance = tensor[:, 1]
        distance.copy_((distance / STEPS).where(distance != VOID, distance))
        return tensor

    @staticmethod
    def term_loss(logits: Tensor, target: Tensor, valid: Tensor) -> Tensor:
        """Returns the mean of −d·log σ(z) − (1 − d)·log(1 − σ(z)) over the pixels of cells."""
        inside = valid & (target > 0)
        entropy = F.binary_cross_entropy_with_logits(logits, target * valid, reduction="none")
        return mean_where(entropy, inside)
