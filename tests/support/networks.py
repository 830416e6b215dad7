"""Small networks whose batch norm is not the identity."""

import torch

NARROW = (4, 6, 8, 10, 12)


def randomised(model):
    """Gives batch norm statistics that are not the identity, so that a test notices if a batch norm is skipped."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return model.double().eval()
