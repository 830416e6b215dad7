"""UNet++ pruned to a depth gives the logits of the head there, and computes no more nodes than it needs."""

import pytest
import torch
from support.networks import NARROW, randomised
from torch.utils.flop_counter import FlopCounterMode

from models import NestedUNet, UNet, fold_batch_norm, prune


def network():
    torch.manual_seed(0)
    return randomised(NestedUNet(2, 3, NARROW, deep_supervision=True))


def heads(model, image):
    """Returns the logits of all heads, and leaves the running statistics as they are."""
    for module in model.modules():
        module.training = not isinstance(module, torch.nn.BatchNorm2d)
    with torch.no_grad():
        return model(image)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(32, 16), (21, 5)])
def test_pruned_answers_as_the_head_of_that_depth(depth, size):
    model, image = network(), torch.randn(1, 3, *size, dtype=torch.float64)
    expected = heads(network(), image)[depth - 1]
    with torch.no_grad():
        torch.testing.assert_close(prune(model, depth)(image), expected)
        torch.testing.assert_close(fold_batch_norm(prune(model, depth))(image), expected)
        torch.testing.assert_close(prune(fold_batch_norm(model), depth)(image), expected)


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_only_the_nodes_up_to_the_depth_are_there_and_computed(depth):
    names = {name.split(".")[0] for name in prune(network(), depth).state_dict()}
    nodes = {f"conv{i}_{j}" for i in range(5) for j in range(5) if i + j <= depth}
    assert names == nodes | {f"final{j}" for j in range(1, depth + 1)}


def test_parameters_and_operations_fall_with_the_depth():
    model, image = network(), torch.zeros(1, 3, 32, 32, dtype=torch.float64)
    parameters, operations = [], []
    for depth in (1, 2, 3, 4):
        pruned = prune(model, depth)
        parameters.append(sum(p.numel() for p in pruned.parameters()))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            pruned(image)
        operations.append(counter.get_total_flops())
    assert parameters == sorted(set(parameters))
    assert operations == sorted(set(operations))
    assert parameters[-1] == sum(p.numel() for p in model.parameters())
    # Depth 1, by hand: nodes (0, 0), (1, 0), (0, 1), of 3 × 3 convolutions, and a head of 1 × 1.
    macs = 9 * (32 * 32 * (3 * 4 + 4 * 4 + (4 + 6) * 4 + 4 * 4) + 16 * 16 * (4 * 6 + 6 * 6)) + 32 * 32 * 4 * 2
    assert operations[0] == 2 * macs


def test_without_a_head_there_it_is_refused():
    with pytest.raises(ValueError, match="deep_supervision=true"):
        prune(NestedUNet(filters=NARROW), 2)
    with pytest.raises(ValueError, match="1 … 4"):
        prune(network(), 5)
    assert prune(NestedUNet(filters=NARROW), 4).depth == 4


def test_a_network_without_nodes_to_drop_is_refused():
    with pytest.raises(TypeError, match="UNet has a single path; only NestedUNet can be pruned"):
        prune(UNet(filters=NARROW), 1)
