"""Ranges of the values in a network, and convolutions in integers of 8 bits."""

import importlib.util

import numpy as np
import pytest
import torch
from torch import nn

from inference import engines
from inference.engines import OpenVinoModel, network_in, require_engine
from inference.integers import compute_in_integers, ranges_of
from inference.tiling import TiledModel
from models import build_model, fold_batch_norm
from system.errors import ConfigError
from system.machine.hardware import cpu_features

installed = pytest.mark.skipif(importlib.util.find_spec("openvino") is None, reason="pip install openvino")
computed = pytest.mark.skipif("VNNI" not in cpu_features(), reason="this processor is refused")
DARKEST, BRIGHTEST = torch.full((3, 32, 32), -2.0), torch.full((3, 32, 32), 3.0)


def normed(network, gain, shift):
    """Gives all norms of a network the same gain and shift."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.constant_(module.weight, gain)
            nn.init.constant_(module.bias, shift)
    return network.eval()


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("name", ["UNet", "NestedUNet"])
def test_a_range_is_the_mean_and_eight_deviations(name, norm):
    network = normed(build_model(name, filters=(4, 8), norm=norm), gain=-0.5, shift=1.0)
    found = ranges_of(network, DARKEST, BRIGHTEST)
    convolutions = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    assert found.pop("conv0_0.conv1") == (-2.0, 3.0)  # of the image
    assert sorted([*found, "conv0_0.conv1"]) == sorted(convolutions)
    for limits in found.values():  # pooled, up-sampled or joined with others
        assert limits == pytest.approx((0.0, 1 + 8 * 0.5), rel=1e-6)


def test_the_highest_channel_counts():
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Conv2d(2, 1, 1)).eval()
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([0.25, -1.0]))
        network[1].bias.copy_(torch.tensor([1.0, -0.5]))
    assert ranges_of(network, DARKEST, BRIGHTEST) == {"0": (-2.0, 3.0), "3": (0.0, 7.5)}
    assert network[1].weight.tolist() == [0.25, -1.0]  # the network itself has not changed


def test_both_summands_of_an_encoder_count():
    network = normed(build_model("UNet", filters=(4, 8, 8), encoder="resnet18"), gain=0.5, shift=1.0)
    highest = {name: highest for name, (_, highest) in ranges_of(network, DARKEST, BRIGHTEST).items()}
    first, second = (highest[f"encoder.layer1.{block}.conv1"] for block in (0, 1))
    assert (first, second) == (5.0, 10.0)  # β + 8 γ of the block, and that of what goes past it


def test_ranges_are_not_rounded_in_a_prediction_with_bf16():
    network = normed(build_model("UNet", filters=(4, 8)), gain=0.1234567, shift=1.0)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = ranges_of(network, DARKEST, BRIGHTEST)
    assert found["conv0_0.conv2"][1] == pytest.approx(1 + 8 * 0.1234567, rel=1e-6)


@installed
@computed
def test_a_convolution_is_that_of_whole_numbers():
    """The sum of products of rounded whole numbers, by hand, against OpenVINO."""
    torch.manual_seed(0)
    network, images = nn.Conv2d(3, 4, 1), torch.rand(1, 3, 8, 8) * 6 - 2.5
    model = OpenVinoModel(network, (3, 8, 8), "fp32", {"": (-2.0, 3.0)})
    weights, step = network.weight.detach().numpy()[:, :, 0, 0].astype(float), 5 / 255
    zero = np.rint(2 / step)
    pixels = np.clip(np.rint(images[0].numpy() / step) + zero, 0, 255) - zero
    steps = np.abs(weights).max(1, keepdims=True) / 127
    expected = np.einsum("oc,chw->ohw", np.rint(weights / steps) * steps, pixels * step)
    expected += network.bias.detach().numpy()[:, None, None]
    # One step of a pixel may be rounded to either side, because OpenVINO keeps the ends of the range exactly.
    np.testing.assert_allclose(model(images)[0].numpy(), expected, atol=np.abs(weights).sum(1).max() * step)
    exact = network(images.clamp(-2, 3)).detach()
    assert 1e-4 < float((model(images) - exact).abs().max()) < 0.1  # it is rounded, and not by much


@installed
@pytest.mark.slow
def test_joined_results_have_the_same_steps():
    """Then OpenVINO joins them in integers."""
    import openvino

    network = normed(build_model("NestedUNet", filters=(4, 8, 8)), gain=1.0, shift=0.0)
    ranges, folded = ranges_of(network, DARKEST, BRIGHTEST), fold_batch_norm(network)
    ranges["conv0_1.conv1"] = (0.0, 11.0)  # it reads conv0_0, which is joined to the input of conv0_2, too
    assert ranges["conv0_2.conv1"][1] < 11
    exported = torch.export.export(folded, (torch.zeros(1, 3, 32, 32),))
    model = openvino.convert_model(exported)
    compute_in_integers(model, folded, ranges)
    joins = [node for node in model.get_ordered_ops() if node.get_type_name() == "Concat"]
    highest = [{end_of(output.get_node()) for output in node.input_values()} for node in joins]
    assert sorted(highest, key=str) == sorted([{11.0}, {11.0}, {ranges["conv1_1.conv1"][1]}], key=str)
    rounded = [node.input_value(0) for node in model.get_ordered_ops() if node.get_type_name() == "FakeQuantize"]
    assert len({(output.get_node().get_name(), output.get_index()) for output in rounded}) == len(rounded)


def end_of(node):
    """The upper end of a node that rounds."""
    assert node.get_type_name() == "FakeQuantize"
    return float(node.input_value(2).get_node().get_data())


@installed
@computed
@pytest.mark.slow
def test_a_network_answers_nearly_as_in_floats():
    torch.manual_seed(0)
    network = build_model("NestedUNet", filters=(4, 8, 8)).eval()
    with torch.no_grad():  # running statistics that are those of the images
        network.train()
        images = torch.randn(8, 3, 32, 32).clamp(-2, 3)
        for _ in range(50):
            network(images)
        expected = network.eval()(images)
    ranges, folded = ranges_of(network, DARKEST, BRIGHTEST), fold_batch_norm(network)
    found = OpenVinoModel(folded, (3, 32, 32), "fp32", ranges)(images)
    error = (found - expected).square().mean().sqrt() / expected.std()
    assert 1e-4 < error < 0.2
    wrong = {name: (lowest, highest / 20) for name, (lowest, highest) in ranges.items()}
    worse = (OpenVinoModel(folded, (3, 32, 32), "fp32", wrong)(images) - expected).square().mean().sqrt()
    assert worse > 3 * error * expected.std()  # the ranges matter


@installed
@pytest.mark.slow
def test_weights_are_found_when_a_prediction_in_bf16_makes_the_model():
    network = normed(build_model("UNet", filters=(4, 8)), gain=1.0, shift=0.0)
    ranges, folded, images = ranges_of(network, DARKEST, BRIGHTEST), fold_batch_norm(network), torch.rand(1, 3, 32, 32)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        found = OpenVinoModel(folded, (3, 32, 32), "fp32", ranges)(images)
    assert torch.equal(found, OpenVinoModel(folded, (3, 32, 32), "fp32", ranges)(images))


def test_it_needs_a_processor_that_multiplies_integers(monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda package: package)
    runtime = engines.Runtime(torch.device("cpu"), "fp32")
    monkeypatch.setattr(engines, "cpu_features", lambda: ("AVX2",))
    with pytest.raises(ConfigError, match="needs a processor with VNNI, and this one has none; use engine: openvino"):
        require_engine("openvino-int8", runtime)
    monkeypatch.setattr(engines, "cpu_features", lambda: ("AVX2", "VNNI"))
    require_engine("openvino-int8", runtime)


def test_the_network_inside():
    network = build_model("UNet", filters=(4, 8))
    assert network_in(TiledModel(network, tile=(32, 32), overlap=8)) is network
    assert network_in(network) is network
