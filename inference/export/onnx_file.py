"""Writes and runs model.onnx."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

from inference.export.portable import PortableModel, any_batch, example
from inference.model_card.usage import LOGITS, PIXELS
from system.files import write_bytes

OPSET = 18  # of 2022; ONNX Runtime reads it since 1.14


@torch.no_grad()
def write_onnx(
    path: Path, model: PortableModel, *, shape: tuple[int, int, int], metadata: Mapping[str, object]
) -> None:
    """Writes a network as ONNX with opset 18. Its input is called `pixels`, its output `logits`, and N is free.

    Args:
        shape: (C, height, width) of an image.
        metadata: key → value for the file's own metadata, as JSON.
    """
    import onnx

    exported = torch.onnx.export(
        model,
        (example(shape[0], shape[1:]),),
        dynamo=True,
        dynamic_shapes=(any_batch(),),
        input_names=[PIXELS],
        output_names=[LOGITS],
        opset_version=OPSET,
        verbose=False,
    )
    proto = exported.model_proto
    for node in proto.graph.node:
        del node.metadata_props[:]  # the lines of source code that it comes from, with paths of this machine
    onnx.helper.set_model_props(proto, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.checker.check_model(proto, full_check=True)
    write_bytes(path, proto.SerializeToString())


def open_onnx(path: Path, *, threads: int) -> Callable[[np.ndarray], np.ndarray]:
    """Returns the function of the file, on the CPU: pixels [N, C, height, width] float32 → logits."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Waiting threads sleep. By default they spin, and would keep the cores from torch in the same process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run([LOGITS], {PIXELS: pixels})[0]
