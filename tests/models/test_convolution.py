"""The ways to compute the gradient of the weights, against torch in float64 and a hand count."""

import pytest
import torch
from torch import nn

from models import convolution
from models.convolution import Conv2d, gradient_by_products, swapped_gradient

LAST = torch.channels_last


def last(*shape):
    return torch.randn(*shape).to(memory_format=LAST)


def gradients(conv, x, gradient):
    """The gradients of the input, the weights and the bias, in float64."""
    x = x.detach().requires_grad_()
    conv(x).backward(gradient)
    return [tensor.grad.double() for tensor in (x, conv.weight, conv.bias)]


def pair(inputs, outputs, way):
    """The same convolution in torch, in float64, and here."""
    torch.manual_seed(0)
    ours = Conv2d(inputs, outputs).to(memory_format=LAST)
    exact = nn.Conv2d(inputs, outputs, 3, padding=1).double()
    exact.load_state_dict(ours.state_dict())
    ours.weight_gradient = way
    return ours, exact


@pytest.fixture
def taken(monkeypatch):
    """The ways that are taken, in their order."""
    names = []
    for name, function in convolution.WAYS.items():
        monkeypatch.setitem(
            convolution.WAYS, name, lambda *given, name=name, function=function: names.append(name) or function(*given)
        )
    return names


@pytest.mark.parametrize("function", [swapped_gradient, gradient_by_products])
def test_two_pixels_by_hand(function):
    # The input is 2 at the left and 3 at the right pixel, and the gradient of the output is 5 and 7. The weight in the
    # middle meets 2·5 + 3·7. The weight left of it sees the pixel to the left: only 2·7. To the right: only 3·5.
    x, gradient = (torch.tensor(values).view(1, 1, 1, 2).to(memory_format=LAST) for values in ([2.0, 3.0], [5.0, 7.0]))
    expected = torch.tensor([[0.0, 0, 0], [14, 31, 15], [0, 0, 0]])
    assert torch.equal(function(x, gradient)[0, 0], expected)
    # The same in a column: rows of weights in place of columns.
    x, gradient = (tensor.view(1, 1, 2, 1).to(memory_format=LAST) for tensor in (x, gradient))
    assert torch.equal(function(x, gradient)[0, 0], expected.T)


@pytest.mark.parametrize("way", ["swapped", "products"])
@pytest.mark.parametrize("shape", [(2, 32, 32, 48, 50), (1, 40, 33, 51, 48), (3, 3, 300, 48, 48)])
def test_it_is_as_exact_as_the_direct_way(taken, way, shape):
    n, inputs, outputs, height, width = shape
    ours, exact = pair(inputs, outputs, way)
    x, gradient = last(n, inputs, height, width), last(n, outputs, height, width)
    truth = gradients(exact, x.double(), gradient.double())
    found = gradients(ours, x, gradient)
    assert taken == [way]
    ours.zero_grad()
    ours.weight_gradient = "direct"
    direct = gradients(ours, x, gradient)
    assert taken == [way]
    for one, other, right in zip(found, direct, truth, strict=True):
        far, direct_far = ((value - right).norm() / right.norm() for value in (one, other))
        assert far <= 1.5 * direct_far + 1e-6  # two threads add in another order


def test_the_same_bits_every_time():
    ours, _ = pair(32, 32, "products")
    x, gradient = last(2, 32, 64, 48), last(2, 32, 64, 48)
    first = gradients(ours, x, gradient)
    ours.zero_grad()
    assert all(torch.equal(*both) for both in zip(first, gradients(ours, x, gradient), strict=True))


@pytest.mark.parametrize(
    ("way", "inputs", "outputs", "side", "takes"),
    [
        ("swapped", 8, 32, 48, True),
        ("swapped", 8, 32, 47, False),
        ("swapped", 64, 31, 48, False),
        ("products", 32, 32, 48, True),  # 49,152
        ("products", 32, 26, 48, False),  # 39,936
        ("products", 64, 64, 47, False),
        ("direct", 64, 64, 64, False),
    ],
)
def test_another_way_is_taken_where_it_pays(taken, way, inputs, outputs, side, takes):
    ours, _ = pair(inputs, outputs, way)
    gradients(ours, last(1, inputs, side, 64), torch.ones(1, outputs, side, 64))
    assert taken == ([way] if takes else [])


def test_other_layouts_types_and_autocast_have_the_direct_way(taken):
    ours, _ = pair(32, 32, "swapped")
    ours(torch.randn(1, 32, 48, 48)).sum().backward()
    with torch.autocast("cpu", torch.bfloat16):
        ours(last(1, 32, 48, 48)).sum().backward()
    ours.double()(last(1, 32, 48, 48).double()).sum().backward()
    assert taken == []
    ours.float()(last(1, 32, 48, 48)).sum().backward()
    assert taken == ["swapped"]


def test_without_a_gradient_it_is_torchs_convolution():
    ours, _ = pair(32, 32, "products")
    x = last(1, 32, 48, 48)
    with torch.no_grad():
        found = ours(x)
    assert torch.equal(found, nn.functional.conv2d(x, ours.weight, ours.bias, padding=1))
    assert torch.equal(ours(x).detach(), found)


def test_a_frozen_input_needs_no_gradient():
    ours, _ = pair(32, 32, "products")
    x = last(1, 32, 48, 48)
    ours(x).sum().backward()
    assert x.grad is None
    assert ours.weight.grad.abs().sum() > 0
