"""Up-sampling against F.interpolate, forward and backward."""

import pytest
import torch
import torch.nn.functional as F

from models.upsampling import interpolation_matrix, up

SIZES = [(1, 1), (1, 5), (2, 3), (6, 6), (7, 48)]


def interpolate(x):
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def gradient_of(function, x, weights):
    leaf = x.detach().requires_grad_()
    (function(leaf) * weights.to(x.dtype)).sum().backward()
    return leaf.grad


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_value_and_gradient_are_those_of_interpolate(size, layout):
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, dtype=torch.float64).to(memory_format=layout)
    weights = torch.randn(2, 3, 2 * size[0], 2 * size[1], dtype=torch.float64)
    torch.testing.assert_close(up(x), interpolate(x), rtol=0, atol=0)
    torch.testing.assert_close(gradient_of(up, x, weights), gradient_of(interpolate, x, weights))


@pytest.mark.parametrize("size", [*SIZES[:-1], (3, 11)])  # twice as many pixels take four times as long
def test_gradient_is_that_of_finite_differences(size):
    x = torch.randn(1, 2, *size, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(up, x)
    assert torch.autograd.gradgradcheck(up, x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradient_is_no_further_from_float64_than_interpolates(dtype):
    torch.manual_seed(0)
    x, weights = torch.randn(4, 8, 48, 24, dtype=torch.float64), torch.randn(4, 8, 96, 48).to(dtype).double()
    exact = gradient_of(interpolate, x, weights)
    ours, theirs = ((gradient_of(f, x.to(dtype), weights).double() - exact).norm() for f in (up, interpolate))
    assert ours <= (1.5 if dtype is torch.float32 else 2.5) * theirs  # bf16 also rounds between the two products


def test_the_gradient_of_a_part_of_a_concatenation():
    torch.manual_seed(0)
    x, skip = torch.randn(2, 4, 5, 6).double(), torch.randn(2, 3, 10, 12).double()
    weights = torch.randn(2, 7, 10, 12).double().to(memory_format=torch.channels_last)
    joined = [lambda x, f=f: torch.cat([skip, f(x)], dim=1) for f in (up, interpolate)]
    torch.testing.assert_close(*(gradient_of(f, x, weights) for f in joined))


def test_rows_of_the_matrix_are_averages():
    matrix = interpolation_matrix(7)
    torch.testing.assert_close(matrix.sum(1), torch.ones(14, dtype=torch.float64))
    assert matrix[0, 0] == matrix[-1, -1] == 1  # corners are aligned
    assert (matrix != 0).sum(1).max() == 2
