"""Encoders of torchvision: their features are those of torchvision itself, and the networks around them are whole."""

import urllib.error

import pytest
import torch
import torch.nn.functional as F
from support.networks import randomised
from torchvision.models import resnet18, resnet50
from torchvision.models.feature_extraction import create_feature_extractor

from engine.runs.starting_weights import load_encoder_weights, load_weights
from models import ENCODERS, MODELS, NestedUNet, UNet, build_model, fold_batch_norm, prune, size_of_deepest
from models.__main__ import main
from models.encoders import ResNetEncoder, downloaded_weights
from system.errors import CheckpointError

NODES = {"relu": "1", "layer1": "2", "layer2": "3", "layer3": "4", "layer4": "5"}  # of torchvision → our levels
FEW = (3, 4)  # widths of a path up with two levels


def encoded(name="UNet", filters=FEW, channels=3, **more):
    torch.manual_seed(0)
    return build_model(name, num_classes=2, input_channels=channels, filters=filters, encoder="resnet18", **more)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "whole"), [("resnet18", resnet18), ("resnet50", resnet50)])
def test_features_are_those_of_torchvision_with_the_same_weights(name, whole):
    torch.manual_seed(0)
    theirs = whole(weights=None)
    randomised(theirs)
    encoder = ResNetEncoder(name).double().eval()
    assert load_encoder_weights(encoder, theirs.state_dict(), "theirs") == []
    image = torch.randn(1, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        expected = create_feature_extractor(theirs.eval(), NODES)(image)
        found = list(encoder.features(image, 5))
    assert [features.shape[1] for features in found] == list(ENCODERS[name])
    for level, features in enumerate(found, start=1):
        assert features.shape[2:] == (64 // 2**level, 96 // 2**level)
        torch.testing.assert_close(features, expected[str(level)])


@pytest.mark.slow
def test_every_encoder_has_the_widths_and_parameters_of_torchvision():
    """The counts of torchvision's tables, without the classifier of 1,000 classes."""
    for name, known, features in (("resnet18", 11_689_512, 512), ("resnet34", 21_797_672, 512)):
        encoder = ResNetEncoder(name)
        assert sum(tensor.numel() for tensor in encoder.parameters()) == known - 1000 * (features + 1)


def test_a_unet_around_an_encoder_is_wired_as_written_down():
    model = randomised(encoded())
    w, image = model.state_dict(), torch.randn(2, 3, 8, 12, dtype=torch.float64)
    block = lambda name, *maps: model.get_submodule(name)(torch.cat(maps, dim=1))
    up = lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
    with torch.no_grad():
        first, second = model.encoder.features(image, 2)
        x11 = block("conv1_1", first, up(second))
        x02 = block("conv0_2", block("conv0_0", image), up(x11))
        expected = F.conv2d(x02, w["final.weight"], w["final.bias"])
        torch.testing.assert_close(model(image), expected)
    assert {name.split(".")[0] for name in w} == {"encoder", "conv0_0", "conv1_1", "conv0_2", "final"}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_size_and_any_number_of_channels(name, channels):
    model = encoded(name, channels=channels).eval()
    for size in ((1, 1), (17, 31), (8, 5)):
        assert model(torch.zeros(1, channels, *size)).shape == (1, 2, *size)


def test_the_deepest_level_is_as_small_as_the_schema_says():
    model = encoded("UNet", filters=(2, 2, 2))
    shapes = [tuple(features.shape[2:]) for features in model.column(model.padded(torch.zeros(1, 3, 20, 33)))]
    assert shapes[-1] == size_of_deepest(model.depth, 20, 33) == (3, 5)
    assert len(shapes) == model.depth + 1 == 4


@pytest.mark.parametrize("name", MODELS)
def test_folding_leaves_no_batch_norm_and_keeps_the_function(name):
    model = randomised(encoded(name, filters=(3, 4, 5)))
    image = torch.randn(1, 3, 16, 24, dtype=torch.float64)
    with torch.no_grad():
        folded = fold_batch_norm(model)
        torch.testing.assert_close(folded(image), model(image), rtol=1e-9, atol=1e-9)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in model.encoder.modules())


def test_folding_a_bottleneck():
    torch.manual_seed(0)
    encoder = randomised(ResNetEncoder("resnet50", levels=2))
    image = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    with torch.no_grad():
        pairs = zip(fold_batch_norm(encoder).features(image, 2), encoder.features(image, 2), strict=True)
        for found, expected in pairs:
            torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_deep_supervision_and_pruning():
    model = randomised(encoded("NestedUNet", filters=(3, 4, 5), deep_supervision=True))
    image = torch.randn(2, 3, 13, 16, dtype=torch.float64)
    for module in model.modules():  # heads come in training mode, compared with the statistics kept
        module.training = not isinstance(module, torch.nn.BatchNorm2d)
    with torch.no_grad():
        heads = model(image)
        assert len(heads) == 3
        for depth, head in enumerate(heads, start=1):
            small = prune(model, depth).eval()
            torch.testing.assert_close(small(image), head)
            assert hasattr(small.encoder, "layer1") == (depth >= 2)
            assert hasattr(small.encoder, "layer2") == (depth >= 3)
    assert hasattr(model.encoder, "layer2")


def test_gradients_reach_every_parameter():
    model = encoded("NestedUNet", filters=(3, 4, 5)).train()
    model(torch.randn(2, 3, 16, 16)).square().mean().backward()
    assert all(tensor.grad is not None for tensor in model.parameters())


def test_state_dicts_and_other_channels(tmp_path):
    source, same, grey = encoded(), encoded(), encoded(channels=1)
    torch.save(source.state_dict(), tmp_path / "w.pth")
    assert load_weights(same, tmp_path / "w.pth") == []
    torch.testing.assert_close(same.state_dict(), source.state_dict(), rtol=0, atol=0)
    sentences = load_weights(grey, tmp_path / "w.pth")
    assert [sentence.split(":")[0] for sentence in sentences] == ["encoder.conv1.weight", "conv0_0.conv1.weight"]
    plane = torch.randn(1, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(grey.eval()(plane), source.eval()(plane.expand(-1, 3, -1, -1)))


def test_weights_of_an_encoder_alone():
    theirs, grey = resnet18(weights=None).state_dict(), ResNetEncoder("resnet18", 1, levels=2)
    (sentence,) = load_encoder_weights(grey, theirs, "r.pth")
    assert sentence.startswith("conv1.weight: images of 3 channels there, 1 here")
    torch.testing.assert_close(grey.conv1.weight, theirs["conv1.weight"].sum(1, keepdim=True))
    whole = {f"encoder.{name}": one for name, one in theirs.items()} | {"final.bias": torch.zeros(1)}
    again = ResNetEncoder("resnet18", 3, levels=2)
    assert load_encoder_weights(again, whole, "r.pth") == []
    torch.testing.assert_close(again.conv1.weight, theirs["conv1.weight"])

    with pytest.raises(CheckpointError, match=r"r\.pth: no weights of this encoder; .* tensors are missing"):
        load_encoder_weights(again, {"conv1.weight": theirs["conv1.weight"]}, "r.pth")
    with pytest.raises(CheckpointError, match=r"has the shape \[1\].* set model\.encoder to match"):
        load_encoder_weights(again, theirs | {"bn1.weight": torch.ones(1)}, "r.pth")
    with pytest.raises(CheckpointError, match="not finite"):
        load_encoder_weights(again, theirs | {"bn1.weight": torch.full((64,), torch.nan)}, "r.pth")


@pytest.mark.slow
def test_torchvisions_weights_come_from_its_cache_or_say_where_they_belong(tmp_path, monkeypatch):
    """No test has a network: here a download fails as it does without one."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    path = tmp_path / "checkpoints" / "resnet18-f37072fd.pth"
    theirs = resnet18(weights=None).state_dict()
    torch.save(theirs, path)
    assert torch.equal(downloaded_weights("resnet18")["conv1.weight"], theirs["conv1.weight"])
    path.write_bytes(b"cut")
    with pytest.raises(CheckpointError, match=r"resnet18-f37072fd\.pth: damaged; remove it"):
        downloaded_weights("resnet18")
    path.unlink()

    def offline(*_, **__):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", offline)
    with pytest.raises(
        CheckpointError, match=r"cannot be downloaded .*no network.* put the file into .*checkpoints, or"
    ):
        downloaded_weights("resnet18")


def test_the_digest_of_a_download_is_compared(tmp_path, monkeypatch):
    asked = []

    def download(url, path, hash_prefix, progress):
        asked.append((url.rsplit("/", 1)[1], hash_prefix))
        torch.save(resnet18(weights=None).state_dict(), path)

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", download)
    assert downloaded_weights("resnet18")["conv1.weight"].shape == (64, 3, 7, 7)
    assert asked == [("resnet18-f37072fd.pth", "f37072fd")]


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="allowed are resnet18, resnet34, resnet50"):
        build_model("UNet", encoder="resnet19")
    with pytest.raises(ValueError, match="resnet18 has 5 levels; filters may have as many widths, not 6"):
        UNet(filters=(2,) * 6, encoder="resnet18")
    with pytest.raises(ValueError, match="two or more widths"):
        NestedUNet(filters=(2,), encoder="resnet18")


@pytest.mark.slow
def test_the_table_of_parameters(capsys):
    main(["--filters", "32", "64", "128", "256", "512"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| encoder | UNet | NestedUNet |"
    assert lines[2] == "| its own | 7,852,545 | 9,163,329 |"  # as published, see test_models.py
    assert [line.split(" | ")[0] for line in lines[3:]] == [f"| {name}" for name in ENCODERS]
