"""What the readers of single formats give: a volume that also knows the type of its pixels."""

from __future__ import annotations

import numpy as np

from images.formats.volume import Volume


class StoredVolume(Volume):
    """A volume of a file that nobody has checked yet; `images.microscope` checks it.

    Attributes:
        dtype: of the pixels.
    """

    dtype: np.dtype
