"""What a predictor can be given: arrays, tensors and paths. Everything else gets an error that says what is allowed.

The type decides what the axes mean, and the sizes never do, so that no image is ever turned by a guess:

    NumPy array     [H, W] or [H, W, C]: the channels come last, as in images that OpenCV, tifffile or scikit-image read
    torch tensor    [H, W] or [C, H, W]: the channels come first, as in what a network takes
    str or Path     an image file, which is read as the training read its images
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from images.image_reader import ImageReader
from images.regions import size_of_regions

ImageLike: TypeAlias = np.ndarray | Tensor | str | Path

ALLOWED = "allowed are a NumPy array [H, W] or [H, W, C], a torch tensor [H, W] or [C, H, W], and the path of a file"
NUMBERS = "integers or floating-point numbers"


def image_of(given: ImageLike, reader: ImageReader) -> np.ndarray | Path:
    """Returns an image as an array, or the path of a large file that `images.regions.open_rows` reads by its rows.

    Args:
        given: see the top of this file. The dtype is any integer or floating type; a tensor may be on any device and
            may need a gradient.
        reader: says which plane and channels of a file are the image, and how many pixels it may have.

    Returns:
        [H, W, C] of any integer or floating dtype; C is a number that the run takes, without alpha.

    Raises:
        TypeError: another type, or values that are no integers and no floating-point numbers.
        ValueError: another number of axes or channels, no pixels, or pixels that are not finite numbers.
        FileError: the file cannot be used.
    """
    if isinstance(given, str | Path):
        path = Path(given)
        return reader.open(path) if size_of_regions(path, reader) is None else path
    return _checked(_array_of(given), reader)


def _array_of(given: object) -> np.ndarray:
    """Turns an array or a tensor into an array [H, W] or [H, W, C]."""
    if isinstance(given, Tensor):
        return _of_tensor(given)
    if isinstance(given, np.ma.MaskedArray):
        raise TypeError("the image is a masked array; give image.filled(0), or another value for its masked pixels")
    if isinstance(given, np.ndarray):
        _require_numbers(given.dtype.kind, str(given.dtype), to_numbers="image.astype(numpy.uint8)")
        _require_axes(given.shape, "an array [H, W] or [H, W, C]", others="give one image at a time")
        return given
    if isinstance(given, list | tuple):
        raise TypeError(
            f"the image is a {type(given).__name__}; {ALLOWED}. For several images, call the predictor once for each: "
            "[predictor(image) for image in images]. For numbers in nested lists, give numpy.asarray(image)"
        )
    kind = f"{type(given).__module__}.{type(given).__qualname__}".removeprefix("builtins.")
    raise TypeError(f"the image is of the type {kind}; {ALLOWED}. Other kinds of arrays: give numpy.asarray(image)")


def _of_tensor(given: Tensor) -> np.ndarray:
    """Turns a tensor [H, W] or [C, H, W] into an array [H, W] or [H, W, C]."""
    kind = "c" if given.is_complex() else "b" if given.dtype == torch.bool else "f"
    _require_numbers(kind, str(given.dtype), to_numbers="image.to(torch.uint8)")
    if given.layout != torch.strided or given.is_quantized or given.is_meta:
        raise TypeError(f"the image is a {given.layout} tensor of {given.dtype} on {given.device}; give a dense tensor")
    others = "give image[0] of a batch [1, C, H, W], and one image at a time of a larger batch"
    _require_axes(given.shape, "a tensor [H, W] or [C, H, W]", others=others)
    tensor = given.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()  # NumPy has no bfloat16; float32 holds all its values
    array = tensor.resolve_neg().numpy()
    return array if array.ndim == 2 else np.moveaxis(array, 0, -1)


def _require_numbers(kind: str, dtype: str, *, to_numbers: str) -> None:
    """Refuses pixels that are no numbers; `kind` is NumPy's letter of the dtype."""
    advice = {
        "b": f"a mask is no image; if it really is one, give 255 * {to_numbers}",
        "c": "give one real number for each pixel, such as the absolute values, abs(image)",
        "O": "give an array of numbers, such as numpy.stack(list(image)) if it holds arrays of one size",
    }
    if kind not in "iuf":
        raise TypeError(f"the pixels are {dtype}; allowed are {NUMBERS}: {advice.get(kind, 'convert them')}")


def _require_axes(shape: tuple[int, ...], expected: str, *, others: str) -> None:
    if len(shape) not in (2, 3):
        raise ValueError(f"{expected} is expected, got the shape {list(shape)}; {others}")
    if 0 in shape:
        raise ValueError(f"{expected} with pixels is expected, got the shape {list(shape)}, which has none")


def _checked(image: np.ndarray, reader: ImageReader) -> np.ndarray:
    """Turns [H, W] or [H, W, C] into [H, W, C] with a number of channels that the run takes. Alpha is left out."""
    image = image[..., None] if image.ndim == 2 else image
    colours = reader.takes(1) and reader.takes(3)
    if image.shape[2] == 4 and colours:
        image = image[..., :3]
    if not reader.takes(image.shape[2]):
        wanted = "1, 3 or 4" if colours else reader.channels
        raise ValueError(f"an image [H, W] or [H, W, C] with {wanted} channels is expected, got {image.shape}")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise ValueError("the image has pixels that are NaN or infinite")
    return image
