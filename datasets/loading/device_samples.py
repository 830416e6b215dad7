"""Keeps decoded samples in the memory of a device, and cuts windows of them as batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from datasets.crop import at_least
from datasets.samples import Samples
from system.errors import ConfigError
from system.machine.memory import free_memory
from system.threads import in_threads

SHARE = 0.25  # data.on_device: auto takes at most this share of a GPU's free memory; the training needs the rest


class DeviceSamples:
    """Holds all samples of a set on a device, as uint8, with the channels of image and encoded target side by side.

    The pixels of all images are stored one after the other, whatever the sizes of the images. So a window of any image,
    flipped or turned, is given by its first pixel and two steps, and a batch of windows is a single gather.

    Args:
        samples: the samples to copy.
        window: (height, width) of the network's input. Smaller images are mirrored at their edges, see `random_crop`.
        device: the device to copy to.
    """

    def __init__(self, samples: Samples, window: tuple[int, int], device: torch.device) -> None:
        self.window, self.device, self.channels = window, device, samples.reader.channels
        self.sizes = _padded_sizes(samples, window)
        areas = np.prod(self.sizes, axis=1)
        self._starts = np.cumsum(areas) - areas
        self._pixels = torch.empty(int(areas.sum()), _depth(samples), dtype=torch.uint8, device=device)

        def copy(index: int) -> None:
            pair = np.concatenate([at_least(array, window) for array in samples[index]], axis=-1)
            start, area = self._starts[index], areas[index]
            self._pixels[start : start + area] = torch.from_numpy(pair.reshape(area, -1))

        in_threads(copy, range(len(samples)), "copy")  # after a resume the samples are not decoded yet
        self._rows, self._columns = (torch.arange(side, device=device) for side in window)

    @property
    def nbytes(self) -> int:
        return self._pixels.nbytes

    def windows(
        self, indices: Sequence[int], corners: Sequence[tuple[int, int]], symmetries: np.ndarray | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns windows as a batch, without waiting for the device.

        Args:
            indices: the numbers of N samples.
            corners: (top, left) of the window in each sample.
            symmetries: [N] int64. Bit 0 mirrors from side to side, bit 1 from top to bottom. Bit 2 swaps rows and
                columns before that; the windows must then be square. 0 … 7 are the eight symmetries of the square.

        Returns:
            Images [N, H, W, C] and encoded targets [N, H, W, K], uint8.
        """
        steps = send(self._steps(np.asarray(indices), np.asarray(corners), symmetries), self.device)
        first, down, right = steps[:, :, None, None].unbind(1)
        pixels = first + down * self._rows[:, None] + right * self._columns
        batch = self._pixels.index_select(0, pixels.flatten()).view(*pixels.shape, -1)
        return batch[..., : self.channels], batch[..., self.channels :]

    def _steps(self, indices: np.ndarray, corners: np.ndarray, symmetries: np.ndarray | None) -> np.ndarray:
        """Returns each window's first pixel, and the steps to the pixels below and to the right: [N, 3] int64."""
        width = self.sizes[indices, 1]
        first = self._starts[indices] + corners[:, 0] * width + corners[:, 1]
        down, right = width, np.ones_like(width)
        if symmetries is not None:
            sideways, upside, turned = (symmetries & bit > 0 for bit in (1, 2, 4))
            first = first + sideways * (self.window[1] - 1) + upside * (self.window[0] - 1) * width
            down, right = np.where(upside, -down, down), np.where(sideways, -right, right)
            down, right = np.where(turned, right, down), np.where(turned, down, right)
        return np.stack([first, down, right], axis=1)


def send(array: np.ndarray, device: torch.device) -> Tensor:
    """Copies an array to a device without waiting for it."""
    tensor = torch.from_numpy(array)
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)


def keep_on_device(wanted: bool | str, samples: Samples, window: tuple[int, int], device: torch.device) -> bool:
    """Decides whether the samples of a training are kept on the device, for `data.on_device: auto | true | false`.

    `auto` keeps them on CUDA, if they take at most a quarter of its free memory.

    Raises:
        ConfigError: true is asked for, but the samples need more than the free memory: that of CUDA, or on other
            devices that of the machine.
    """
    if wanted is False or (wanted == "auto" and device.type != "cuda"):
        return False
    needed = int(np.prod(_padded_sizes(samples, window), axis=1).sum()) * _depth(samples)
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if wanted is True and needed > free:
        raise ConfigError(
            f"data.on_device: true, but the training samples take {needed / 2**20:,.0f} MiB and {device} has room for "
            f"{free / 2**20:,.0f} MiB; free some, take another device, or train a run with data.on_device: false"
        )
    return wanted is True or needed <= SHARE * free


def _padded_sizes(samples: Samples, window: tuple[int, int]) -> np.ndarray:
    """Returns (height, width) of each sample, at least those of the window: [samples, 2] int64."""
    sizes = np.array([samples.size_of(index) for index in range(len(samples))], np.int64)
    return np.maximum(sizes, window)


def _depth(samples: Samples) -> int:
    """Returns the number of bytes of a pixel: the channels of the image and of the encoded target."""
    return samples.reader.channels + samples.target_channels
