"""Prediction in another engine than PyTorch."""

import importlib.util
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from conftest import small_config, small_set  # noqa: F401 fixtures

import predict
import train
from engine.device import Runtime
from inference import engines
from inference.engines import OpenVinoModel, in_openvino, require_engine
from inference.symmetries import SymmetricModel
from inference.tiling import TiledModel
from saved_run import load_run
from system.errors import ConfigError

CPU = Runtime(torch.device("cpu"), "fp32")
installed = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="pip install openvino")


@pytest.mark.parametrize(
    ("name", "runtime", "words"),
    [
        ("onnx", CPU, "got 'onnx'; allowed: torch, openvino, openvino-int8"),
        ("openvino", Runtime(torch.device("cpu"), "fp16"), "on the CPU in fp32 or bf16"),
        ("openvino", Runtime(torch.device("mps"), "fp32"), "and the run on Apple GPU, fp32; use engine: torch"),
        ("openvino", CPU, "python -m pip install openvino"),
    ],
)
def test_what_cannot_work_is_refused(monkeypatch, name, runtime, words):
    monkeypatch.setattr(engines, "find_spec", lambda package: None)
    require_engine("torch", runtime)
    with pytest.raises(ConfigError, match=words):
        require_engine(name, runtime)


def test_with_the_package_it_is_allowed(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda package: package)
    require_engine("openvino", CPU)


def test_only_the_network_itself_moves(monkeypatch):
    made = []
    replacement = torch.nn.Identity()
    monkeypatch.setattr(engines, "OpenVinoModel", lambda *given: made.append(given) or replacement)
    network = torch.nn.Conv2d(3, 1, 1)
    tiled = TiledModel(SymmetricModel(network, task=None), tile=(32, 32), overlap=8)
    assert in_openvino(tiled, (3, 32, 32), "bf16") is tiled
    assert tiled.model.model is replacement
    assert made == [(network, (3, 32, 32), "bf16", None)]
    assert in_openvino(network, (3, 32, 32), "fp32") is replacement


@installed
@pytest.mark.slow
def test_the_network_answers_as_in_pytorch_for_any_number_of_images():
    from models import build_model, fold_batch_norm

    torch.manual_seed(0)
    network = fold_batch_norm(build_model("NestedUNet", filters=(4, 8, 8), deep_supervision=True))
    model = OpenVinoModel(network, (3, 32, 48), "fp32")
    for count in (1, 3):
        images = torch.randn(count, 3, 32, 48).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            torch.testing.assert_close(model(images), network(images), atol=1e-5, rtol=1e-5)


@installed
@pytest.mark.slow
def test_threads_share_a_network():
    from models import build_model, fold_batch_norm

    model = OpenVinoModel(fold_batch_norm(build_model("UNet", filters=(8, 16, 16))), (3, 96, 96), "fp32")
    images = [torch.randn(2, 3, 96, 96) for _ in range(24)]
    alone = [model(one) for one in images]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model, images))
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)


@installed
@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("data={crop: 32, root: %s, val_fraction: 0.2}",)])
def test_a_run_predicts_the_same_probabilities(small_config, small_set, run_main, tmp_path, monkeypatch, words):  # noqa: F811
    words = [word % small_set if "%" in word else word for word in words]
    assert run_main(train, "--config", small_config, *words)[0] == 0
    run = tmp_path / "outputs" / "small"
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    for tta in (False, True):
        ours, theirs = (load_run(run, engine=name, tta=tta).maps(image) for name in ("torch", "openvino"))
        np.testing.assert_allclose(theirs, ours, atol=1e-4)
    monkeypatch.setattr(engines, "cpu_features", lambda: ("VNNI",))  # OpenVINO computes it elsewhere, too, but slower
    integers = load_run(run, engine="openvino-int8").maps(image)
    assert 0 < np.abs(integers - load_run(run).maps(image)).max() < 0.1
    given = ("--run", run, "--input", small_set / "images", "--out", tmp_path / "out")
    assert run_main(predict, *given, "--engine", "openvino")[0] == 0
    assert len(list((tmp_path / "out" / "masks").rglob("*.png"))) == 10
    code, _, err = run_main(predict, *given)  # results of two engines are not mixed
    assert (code, "engine" in err) == (2, True)
