"""The fixed inputs of the project's reference values (float32, [2, 1, 8, 8])."""

import torch


def binary_inputs():
    """Logits and target of the binary reference values; the target has 58 foreground pixels."""
    n = torch.arange(128)
    logits = (2 * torch.sin(n.double())).float().reshape(2, 1, 8, 8)
    target = (torch.cos(1.3 * n.double()) > 0.2).float().reshape(2, 1, 8, 8)
    assert int(target.sum()) == 58
    return logits, target
