"""The fixed inputs of the project's reference values (float32, [2, 1, 8, 8])."""

import torch


def binary_inputs():
    """Logits and target of the binary reference values; the target has 58 foreground pixels."""
    n = torch.arange(128)
    logits = (2 * torch.sin(n.double())).float().reshape(2, 1, 8, 8)
    target = (torch.cos(1.3 * n.double()) > 0.2).float().reshape(2, 1, 8, 8)
    assert int(target.sum()) == 58
    return logits, target


def multiclass_inputs():
    """Logits [2, 3, 8, 8] and class indices [2, 8, 8] of the multi-class reference values; counts 51, 51, 26."""
    n, m = torch.arange(384), torch.arange(128)
    logits = (2 * torch.sin(n.double())).float().reshape(2, 3, 8, 8)
    target = ((7 * m + m // 5) % 3).reshape(2, 8, 8)
    assert target.flatten().bincount().tolist() == [51, 51, 26]
    return logits, target
