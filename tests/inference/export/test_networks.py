"""Exported files compute what the run computes, without this project."""

import json
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from support.networks import NARROW
from support.predictors import pixels_of, predictor_of

from inference.export.formats import NETWORKS
from inference.export.portable import portable_model
from system.lazy import load

KINDS = {
    "binary": {"task": "binary", "name": "UNet", "filters": NARROW},
    "distance in tiles, last head": {
        "task": "distance",
        "name": "NestedUNet",
        "filters": NARROW[:3],
        "deep_supervision": True,
        "overlap": 8,
    },
    "multiclass, pruned": {
        "task": "multiclass",
        "name": "NestedUNet",
        "filters": NARROW[:3],
        "deep_supervision": True,
        "depth": 1,
    },
    "multilabel of five stains, group norm": {
        "task": "multilabel",
        "name": "UNet",
        "filters": (4, 8),
        "channels": 5,
        "norm": "group",
    },
}
METADATA = {"name": "ä", "classes": ["a"], "overlap": None}
NEEDS_ONNX = pytest.mark.skipif(
    not all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))), reason="onnx, onnxscript or onnxruntime is missing"
)


def expected_of(predictor, pixels):
    """What the network of the run gives: normalised as in training, with batch norm, the last head."""
    model = predictor.model if predictor.size is not None else predictor.model.model
    with torch.inference_mode():
        return model(predictor.normalise.planes(torch.from_numpy(pixels))).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("onnx", marks=NEEDS_ONNX), "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_any_batch_gives_the_logits_of_the_run(kind, name, tmp_path):
    """The sides, 20 and 28, are not divisible by 16, so that the network pads them."""
    predictor = predictor_of(**KINDS[kind])
    channels, path = predictor.reader.channels, tmp_path / NETWORKS[name].file
    load(NETWORKS[name].write)(path, portable_model(predictor), shape=(channels, 20, 28), metadata=METADATA)
    run = load(NETWORKS[name].open)(path, threads=1)
    for count in (1, 2, 5):
        pixels = pixels_of(count, channels, seed=count)
        expected, found = expected_of(predictor, pixels), run(pixels.astype(np.float32))
        assert found.shape == (count, len(predictor.task.channels), 20, 28)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())
    assert np.abs(expected - expected_of(predictor, pixels[::-1].copy())).max() > 1e-3  # the control: pixels matter
    assert not [word for word in (b"/inference/export", b"site-packages") if word in path.read_bytes()]


@pytest.mark.slow
@NEEDS_ONNX
def test_what_an_onnx_file_says(tmp_path):
    import onnx

    predictor, path = predictor_of("binary", name="UNet", filters=NARROW[:2]), tmp_path / "model.onnx"
    load(NETWORKS["onnx"].write)(path, portable_model(predictor), shape=(3, 20, 28), metadata=METADATA)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    shape = lambda value: [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]
    assert [(value.name, shape(value)) for value in model.graph.input] == [("pixels", ["batch", 3, 20, 28])]
    assert [(value.name, shape(value)) for value in model.graph.output] == [("logits", ["batch", 1, 20, 28])]
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 18)]
    assert "BatchNormalization" not in {node.op_type for node in model.graph.node}
    assert {one.key: json.loads(one.value) for one in model.metadata_props} == METADATA


@pytest.mark.slow
def test_what_a_torch_file_says(tmp_path):
    predictor, path = predictor_of("binary", name="UNet", filters=NARROW[:2]), tmp_path / "model.pt2"
    load(NETWORKS["torch"].write)(path, portable_model(predictor), shape=(3, 20, 28), metadata=METADATA)
    files = {"model.json": ""}
    torch.export.load(path, extra_files=files)
    assert json.loads(files["model.json"]) == METADATA
