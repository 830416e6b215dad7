"""Other amounts of stain in images of haematoxylin and eosin."""

from __future__ import annotations

import numpy as np


def change_stains(image: np.ndarray, factors: np.ndarray, summands: np.ndarray) -> np.ndarray:
    """Changes the amounts of haematoxylin, eosin and DAB in each pixel (Tellez et al. 2018, "HED" augmentation).

    The optical density of a pixel, −ln of its brightness, is the sum of the densities of the three stains (Ruifrok and
    Johnston 2001, whose vectors scikit-image has). Each amount is multiplied and shifted, and the pixel is composed
    again.

    Args:
        image: [H, W, 3] uint8, RGB.
        factors, summands: [3] of haematoxylin, eosin and DAB. With 1 and 0 the image stays as it is.

    Returns:
        [H, W, 3] uint8.
    """
    from skimage.color import hed_from_rgb, rgb_from_hed

    density = -np.log((np.arange(256, dtype=np.float32) + 1) / 256)[image]  # black has a density of 5.5, not infinity
    mixing = (hed_from_rgb * factors) @ rgb_from_hed  # RGB → stains, changed, → RGB
    changed = density @ mixing.astype(np.float32) + (summands @ rgb_from_hed).astype(np.float32)
    return np.clip(np.rint(256 * np.exp(-changed) - 1), 0, 255).astype(np.uint8)
