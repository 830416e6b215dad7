"""Weights of one network become the start of another: for other channels of images, and for other outputs."""

import pytest
import torch
import torch.nn.functional as F

from engine.runs.checkpoint_file import save_checkpoint
from engine.runs.starting_weights import adapted_convolution, load_weights
from models import NestedUNet, UNet
from system.errors import CheckpointError

NARROW = (4, 6)


def saved(path, model, **origin):
    save_checkpoint(path, {"model": model.state_dict(), **origin})
    return path


def test_a_convolution_for_other_channels_by_hand():
    weight = torch.tensor([1.0, 2.0, 6.0]).view(1, 3, 1, 1).expand(2, 3, 3, 3)
    assert adapted_convolution(weight, 1)[0, :, 0, 0].tolist() == [9]
    assert adapted_convolution(weight, 2)[0, :, 0, 0].tolist() == [4.5, 4.5]
    assert adapted_convolution(weight, 5)[1, :, 2, 2].tolist() == [pytest.approx(1.8)] * 5
    assert adapted_convolution(weight, 3) is weight


@pytest.mark.parametrize(("there", "here"), [(3, 1), (1, 3), (3, 5), (4, 2)])
def test_images_of_equal_channels_give_the_same_answer(there, here, tmp_path):
    torch.manual_seed(0)
    source, target = UNet(1, there, NARROW).eval(), UNet(1, here, NARROW).eval()
    sentences = load_weights(target, saved(tmp_path / "w.pth", source))
    assert sentences == [
        f"conv0_0.conv1.weight: images of {there} channels there, {here} here; each channel gets the sum of the "
        f"weights over those channels, divided by {here}"
    ]
    plane = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        answers = [model(plane.expand(-1, n, -1, -1).contiguous()) for model, n in ((source, there), (target, here))]
    torch.testing.assert_close(*answers)
    different = torch.cat([plane] + [torch.zeros_like(plane)] * (max(there, here) - 1), dim=1)
    with torch.no_grad():  # the control: channels that differ do not
        answers = [model(different[:, :n]) for model, n in ((source, there), (target, here))]
    assert not torch.allclose(*answers)


def test_outputs_are_taken_by_their_meaning(tmp_path):
    torch.manual_seed(0)
    source, target = NestedUNet(2, 3, NARROW, deep_supervision=True), NestedUNet(3, 3, NARROW, deep_supervision=True)
    initial = target.final1.weight.clone()
    path = saved(tmp_path / "w.pth", source, kind="distance")
    rows = lambda origin: {"a": 1, "b": None, "c": 0} if origin["kind"] == "distance" else None
    (sentence,) = load_weights(target, path, rows)
    assert sentence == "final1.weight, final1.bias: taken for a, c; begins anew for b"
    torch.testing.assert_close(
        target.final1.weight, torch.stack([source.final1.weight[1], initial[1], source.final1.weight[0]])
    )
    torch.testing.assert_close(target.final1.bias[[0, 2]], source.final1.bias[[1, 0]])
    same = NestedUNet(2, 3, NARROW, deep_supervision=True)
    assert load_weights(same, path, lambda origin: {"a": 0, "b": 1}) == []
    assert load_weights(same, path, lambda origin: {"a": 0, "b": None}) == [
        "final1.weight, final1.bias: taken for a; begins anew for b"
    ]


def test_a_file_that_promises_more_outputs_than_it_has_is_taken_by_the_number(tmp_path):
    target = UNet(2, 3, NARROW)
    path = saved(tmp_path / "w.pth", UNet(1, 3, NARROW))
    (sentence,) = load_weights(target, path, lambda origin: {"a": 0, "b": 1})
    assert sentence.endswith("left out, because the number of outputs differs")


def test_half_precision_is_read_as_float32(tmp_path):
    source, target = UNet(1, 3, NARROW), UNet(1, 1, NARROW)
    save_checkpoint(tmp_path / "w.pth", {"model": {k: v.half() for k, v in source.state_dict().items()}})
    load_weights(target, tmp_path / "w.pth")
    assert {tensor.dtype for tensor in target.parameters()} == {torch.float32}
    summed = source.conv0_0.conv1.weight.half().double().sum(1, keepdim=True).float()
    torch.testing.assert_close(target.conv0_0.conv1.weight, summed)


def test_another_width_names_the_way_out(tmp_path):
    with pytest.raises(
        CheckpointError, match=r"has the shape .* leave the section model out and set only model\.weights"
    ):
        load_weights(UNet(1, 3, (8, 6)), saved(tmp_path / "w.pth", UNet(1, 3, NARROW)))


def test_the_adapted_convolution_is_that_of_the_mean_image():
    """By another way: a convolution of three channels with equal planes is one of their sum."""
    weight, plane = torch.randn(4, 3, 3, 3), torch.randn(1, 1, 6, 6)
    expected = F.conv2d(plane.expand(-1, 3, -1, -1), weight)
    torch.testing.assert_close(F.conv2d(plane, adapted_convolution(weight, 1)), expected, rtol=1e-4, atol=1e-5)
