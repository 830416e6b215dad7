"""Our batch norm against torch's in float64: values, gradients, running statistics."""

import pytest
import torch
from torch import nn

from models.batch_norm import BatchNorm2d


def passed(norm, x, gradient):
    """Output, gradients of input, weight and bias, and running statistics after one training step, in float64."""
    norm = norm.to(x.dtype)
    with torch.no_grad():
        norm.weight.copy_(torch.linspace(0.5, 1.5, norm.num_features))
        norm.bias.copy_(torch.linspace(-1, 1, norm.num_features))
    x = x.detach().requires_grad_()
    output = norm(x)
    output.backward(gradient.to(x.dtype))
    results = output.detach(), x.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var
    return [result.double() for result in results]


def data(shape):
    torch.manual_seed(0)
    x, gradient = torch.randn(shape) * 2 + 1, torch.randn(shape)
    return [tensor.to(memory_format=torch.channels_last) for tensor in (x, gradient)]


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 4, 1, 7), (3, 2, 5, 1), (1, 1, 3, 3), (2, 8, 1, 1)])
def test_it_is_batch_norm(shape):
    x, gradient = (tensor.double() for tensor in data(shape))
    channels = shape[1]
    ours = passed(BatchNorm2d(channels), x, gradient)
    theirs = passed(nn.BatchNorm2d(channels), x.contiguous(), gradient.contiguous())
    for value, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(value, expected)


def test_in_channels_last_it_is_nearly_as_exact_as_in_channels_first():
    x, gradient = data((16, 32, 96, 96))
    exact = passed(nn.BatchNorm2d(32), x.double().contiguous(), gradient.double().contiguous())
    ours = passed(BatchNorm2d(32), x, gradient)
    first = passed(nn.BatchNorm2d(32), x.contiguous(), gradient.contiguous())
    for name, index in (("output", 0), ("gradient", 1), ("mean", 4), ("variance", 5)):
        ours_far, first_far = ((result[index] - exact[index]).norm() / exact[index].norm() for result in (ours, first))
        assert ours_far <= 1.5 * first_far + 1e-7, name


def test_eval_mode_and_names_are_those_of_torch():
    x, _ = data((2, 3, 4, 5))
    ours, theirs = BatchNorm2d(3), nn.BatchNorm2d(3)
    ours.train()(x)
    assert ours.num_batches_tracked == 1
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_one_value_per_channel_is_refused():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        BatchNorm2d(3).train()(torch.zeros(1, 3, 1, 1))


def test_the_gradient_is_that_of_finite_differences():
    norm = BatchNorm2d(3).double()
    x = torch.randn(2, 3, 4, 2, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: norm(x), x)
