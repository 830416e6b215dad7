"""interim"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from system.files import write_bytes


def write_labels(path: Path, labels: np.ndarray) -> None:
    import tifffile

    small = labels.max(initial=0) < 2**16
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, labels.astype(np.uint16 if small else np.uint32), imagej=bool(small))
    write_bytes(path, buffer.getvalue())
