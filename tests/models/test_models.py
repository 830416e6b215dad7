"""Networks against §1 of the reference: counts, names, wiring, padding, heads."""

import pytest
import torch
import torch.nn.functional as F
from support.networks import NARROW, randomised

from models import MODELS, NestedUNet, UNet, build_model


@pytest.mark.parametrize(
    ("name", "arguments", "parameters", "tensors"),
    [
        ("UNet", {}, 7_852_545, 128),
        ("UNet", {"num_classes": 5}, 7_852_677, 128),
        ("NestedUNet", {}, 9_163_329, 212),
        ("NestedUNet", {"input_channels": 1}, 9_162_753, 212),
        ("NestedUNet", {"deep_supervision": True}, 9_163_428, 218),
    ],
)
def test_parameter_and_tensor_counts(name, arguments, parameters, tensors):
    model = build_model(name, **arguments)
    assert sum(p.numel() for p in model.parameters()) == parameters
    assert len(model.state_dict()) == tensors


def test_state_dict_names_are_those_of_published_checkpoints():
    unet = {name.split(".")[0] for name in UNet(filters=NARROW).state_dict()}
    path_up = {"conv3_1", "conv2_2", "conv1_3", "conv0_4"}
    assert unet == {f"conv{i}_0" for i in range(5)} | path_up | {"final"}
    nested = {name.split(".")[0] for name in NestedUNet(filters=NARROW, deep_supervision=True).state_dict()}
    assert nested == {f"conv{i}_{j}" for i in range(5) for j in range(5 - i)} | {f"final{j}" for j in range(1, 5)}
    inner = {name.split(".", 1)[1] for name in UNet(filters=NARROW).state_dict() if name.startswith("conv0_0")}
    normalisation = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert inner == {f"conv{n}.{w}" for n in (1, 2) for w in ("weight", "bias")} | {
        f"bn{n}.{w}" for n in (1, 2) for w in normalisation
    }


def block(weights, name, *maps):
    """The block of §1 from a state dict, without the code under test."""
    x = torch.cat(maps, dim=1)
    for n in (1, 2):
        part = {key: weights[f"{name}.{key}"] for key in (f"conv{n}.weight", f"conv{n}.bias")}
        x = F.conv2d(x, part[f"conv{n}.weight"], part[f"conv{n}.bias"], padding=1)
        mean, var, gain, shift = (
            weights[f"{name}.bn{n}.{key}"][:, None, None] for key in ("running_mean", "running_var", "weight", "bias")
        )
        x = ((x - mean) / torch.sqrt(var + 1e-5) * gain + shift).clamp(min=0)
    return x


def up(x):
    return F.interpolate(x, size=[2 * side for side in x.shape[-2:]], mode="bilinear", align_corners=True)


def test_unet_is_wired_as_written_down():
    torch.manual_seed(0)
    model = randomised(UNet(2, 3, NARROW))
    w, image = model.state_dict(), torch.randn(2, 3, 32, 48, dtype=torch.float64)
    x00 = block(w, "conv0_0", image)
    x10 = block(w, "conv1_0", F.max_pool2d(x00, 2))
    x20 = block(w, "conv2_0", F.max_pool2d(x10, 2))
    x30 = block(w, "conv3_0", F.max_pool2d(x20, 2))
    x40 = block(w, "conv4_0", F.max_pool2d(x30, 2))
    x31 = block(w, "conv3_1", x30, up(x40))
    x22 = block(w, "conv2_2", x20, up(x31))
    x13 = block(w, "conv1_3", x10, up(x22))
    x04 = block(w, "conv0_4", x00, up(x13))
    torch.testing.assert_close(model(image), F.conv2d(x04, w["final.weight"], w["final.bias"]))


def test_nested_unet_is_wired_as_written_down():
    torch.manual_seed(0)
    model = randomised(NestedUNet(2, 3, NARROW, deep_supervision=True))
    w, image = model.state_dict(), torch.randn(2, 3, 32, 16, dtype=torch.float64)
    x00 = block(w, "conv0_0", image)
    x10 = block(w, "conv1_0", F.max_pool2d(x00, 2))
    x20 = block(w, "conv2_0", F.max_pool2d(x10, 2))
    x30 = block(w, "conv3_0", F.max_pool2d(x20, 2))
    x40 = block(w, "conv4_0", F.max_pool2d(x30, 2))
    x01 = block(w, "conv0_1", x00, up(x10))
    x11 = block(w, "conv1_1", x10, up(x20))
    x21 = block(w, "conv2_1", x20, up(x30))
    x31 = block(w, "conv3_1", x30, up(x40))
    x02 = block(w, "conv0_2", x00, x01, up(x11))
    x12 = block(w, "conv1_2", x10, x11, up(x21))
    x22 = block(w, "conv2_2", x20, x21, up(x31))
    x03 = block(w, "conv0_3", x00, x01, x02, up(x12))
    x13 = block(w, "conv1_3", x10, x11, x12, up(x22))
    x04 = block(w, "conv0_4", x00, x01, x02, x03, up(x13))
    expected = [
        F.conv2d(x, w[f"final{j}.weight"], w[f"final{j}.bias"]) for j, x in enumerate((x01, x02, x03, x04), start=1)
    ]
    torch.testing.assert_close(model(image), expected[-1])
    for module in model.modules():  # heads come in training mode, compared with the statistics kept
        module.training = not isinstance(module, torch.nn.BatchNorm2d)
    for head, want in zip(model(image), expected, strict=True):
        torch.testing.assert_close(head, want)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 31), (48, 5), (5, 48)])
def test_any_size_keeps_its_size(name, size):
    model = build_model(name, num_classes=2, filters=NARROW).eval()
    assert model(torch.zeros(1, 3, *size)).shape == (1, 2, *size)


@pytest.mark.parametrize("name", MODELS)
def test_padding_repeats_the_border_and_is_cropped(name):
    model = build_model(name, filters=NARROW).eval()
    image = torch.randn(1, 3, 20, 30)
    padded = torch.cat([image, image[..., -1:].expand(-1, -1, -1, 2)], dim=3)
    padded = torch.cat([padded, padded[..., -1:, :].expand(-1, -1, 12, -1)], dim=2)
    torch.testing.assert_close(model(image), model(padded)[..., :20, :30], rtol=0, atol=0)


def test_heads_in_training_and_one_tensor_in_eval():
    model = NestedUNet(2, filters=NARROW, deep_supervision=True)
    heads = model.train()(torch.zeros(2, 3, 16, 16))
    assert [tuple(head.shape) for head in heads] == [(2, 2, 16, 16)] * 4
    assert model.eval()(torch.zeros(2, 3, 16, 16)).shape == (2, 2, 16, 16)


def test_fewer_levels():
    assert NestedUNet(filters=(4, 8, 16)).eval()(torch.zeros(1, 3, 9, 9)).shape == (1, 1, 9, 9)


@pytest.mark.parametrize("name", MODELS)
def test_logits_are_not_squashed(name):
    model = build_model(name, filters=NARROW).eval()
    torch.nn.init.constant_(model.final.bias, -7.0)
    assert model(torch.zeros(1, 3, 16, 16)).max() < -1


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="allowed are UNet, NestedUNet"):
        build_model("UNet3")
    with pytest.raises(ValueError, match="needs NestedUNet"):
        build_model("UNet", deep_supervision=True)
    with pytest.raises(ValueError, match="two or more widths"):
        UNet(filters=(8,))
    with pytest.raises(ValueError, match=r"\[N, 3, H, W\] are expected, got \[1, 1, 8, 8\]"):
        UNet(filters=NARROW)(torch.zeros(1, 1, 8, 8))


@pytest.mark.parametrize("network", [UNet, NestedUNet])
def test_there_is_one_class_unless_more_are_asked_for(network):
    assert network(filters=NARROW).eval()(torch.zeros(1, 3, 16, 16)).shape[1] == 1
