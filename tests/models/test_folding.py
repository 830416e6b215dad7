"""A network with folded batch norm computes the same function, and the original network stays as it is."""

import pytest
import torch
from support.networks import NARROW, randomised

from models import MODELS, NestedUNet, build_model, fold_batch_norm
from models.blocks import Block


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


def test_folding_keeps_the_function_of_a_trained_network():
    """All parameters and statistics of batch norm come from steps of training here, and none has its first value."""
    torch.manual_seed(0)
    model = build_model("UNet", filters=NARROW).double().train()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
    image = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    for _ in range(3):
        optimiser.zero_grad()
        (model(image) - image[:, :1]).square().mean().backward()
        optimiser.step()
    norm = model.conv0_0.bn1
    assert all(values.abs().min() > 1e-6 for values in (norm.running_mean, norm.bias, norm.weight - 1))
    with torch.no_grad():
        torch.testing.assert_close(fold_batch_norm(model)(image), model.eval()(image), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("bias", [True, False])
def test_a_folded_bias_needs_no_more_gradient_than_the_convolution_had(bias):
    block = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1, bias=bias), torch.nn.BatchNorm2d(2)).eval()
    folded = fold_batch_norm(torch.nn.ModuleList([block]).requires_grad_(False))
    assert not any(one.requires_grad for one in folded.parameters())


def test_one_block_by_hand():
    """A convolution that copies its only channel, and adds 4; then gain · (x − mean)/√(var + ε) + shift, and ReLU."""
    block = Block(1, 1, 1)
    for conv, norm in ((block.conv1, block.bn1), (block.conv2, block.bn2)):
        torch.nn.init.dirac_(conv.weight)
        torch.nn.init.constant_(conv.bias, 4)
        norm.eps = 0.5
        for values, value in ((norm.running_mean, 1), (norm.running_var, 3.5), (norm.weight, 6), (norm.bias, -5)):
            torch.nn.init.constant_(values, value)
    # x → 6 · (x + 4 − 1)/2 − 5 = 3 x + 4, at once and again; every number is exact.
    (folded,) = fold_batch_norm(torch.nn.ModuleList([block]))
    assert (folded.conv1.weight[0, 0, 1, 1], folded.conv1.bias) == (3, 4)
    assert folded(torch.full((1, 1, 3, 3), 2.0)).unique().tolist() == [3 * (3 * 2 + 4) + 4]


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
