"""A network with folded batch norm computes the same function, and the original network stays as it is."""

import pytest
import torch
from support.networks import NARROW, randomised

from models import MODELS, NestedUNet, build_model, fold_batch_norm


def close(actual, expected, share=5e-5):
    return (actual - expected).abs().max() <= share * expected.abs().max()


@pytest.mark.parametrize("name", MODELS)
def test_folding_keeps_the_function(name):
    torch.manual_seed(0)
    model = randomised(build_model(name, num_classes=2, filters=NARROW))
    image = torch.randn(2, 3, 33, 20, dtype=torch.float64)
    with torch.no_grad():
        expected = model(image)
        folded = fold_batch_norm(model)
        torch.testing.assert_close(folded(image), expected, rtol=1e-10, atol=1e-10)
        assert close(fold_batch_norm(model.float())(image.float()).double(), expected)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())


def test_at_full_width_in_float32():
    torch.manual_seed(0)
    model = randomised(build_model("NestedUNet")).float().to(memory_format=torch.channels_last)
    image = torch.randn(1, 3, 48, 48)
    with torch.inference_mode():
        assert close(fold_batch_norm(model)(image), model(image))


def test_the_given_network_is_untouched():
    model = NestedUNet(filters=NARROW, deep_supervision=True).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = fold_batch_norm(model)
    assert model.training
    assert not folded.training
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert len(folded(torch.zeros(1, 3, 16, 16))) == 1  # one tensor, as always in eval mode


def test_a_fold_that_forgot_the_statistics_would_show():
    torch.manual_seed(0)
    model = randomised(build_model("UNet", filters=NARROW))
    image = torch.randn(1, 3, 16, 16, dtype=torch.float64)
    folded = fold_batch_norm(model)
    folded.conv0_0.conv1.bias.add_(0.01)
    assert not close(folded(image), model(image))
