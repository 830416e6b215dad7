"""Writes and runs model.pt2, a program of torch.export."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from inference.export.portable import PortableModel, any_batch, example
from system.files import atomic_file

EXTRA = "model.json"  # the name of the metadata in the file


@torch.no_grad()
def write_torch(
    path: Path, model: PortableModel, *, shape: tuple[int, int, int], metadata: Mapping[str, object]
) -> None:
    """Writes a network as a program of torch.export, which torch runs without this project. N is free.

    Args:
        shape: (C, height, width) of an image.
        metadata: is kept in the file as JSON; `torch.export.load(path, extra_files={"model.json": ""})` returns it.
    """
    program = torch.export.export(model, (example(shape[0], shape[1:]),), dynamic_shapes=(any_batch(),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # the lines of source code that it comes from, with paths of this machine
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={EXTRA: json.dumps(metadata)})
    with atomic_file(path) as file:
        file.write(content.getbuffer())


def open_torch(path: Path, *, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function of the file, on the CPU: pixels [N, C, height, width] float32 → logits.

    torch has one number of threads for the whole process, so that `threads` changes nothing here.
    """
    program = torch.export.load(path).module()
    return lambda pixels: program(torch.from_numpy(pixels)).numpy()
