"""Statistics of batch norm that are measured: the mean over the batches, and nothing else changes."""

import pytest
import torch
from support.networks import NARROW
from support.trainings import CPU, training_of
from torch import nn

from engine.norm_statistics import NormStatistics
from models import build_model


def batches(count):
    torch.manual_seed(1)
    return [(torch.randn(4, 3, 16, 16) + number, None) for number in range(count)]


def test_the_statistics_of_the_first_layer_are_means_over_the_batches():
    model = nn.Sequential(nn.BatchNorm2d(3))
    model[0].running_mean += 100  # what was there before is forgotten
    given = batches(3)
    NormStatistics(given, CPU).measure(model)
    means = torch.stack([images.mean((0, 2, 3)) for images, _ in given]).mean(0)
    variances = torch.stack([images.var((0, 2, 3)) for images, _ in given]).mean(0)
    torch.testing.assert_close(model[0].running_mean, means)
    torch.testing.assert_close(model[0].running_var, variances)
    assert model[0].momentum == 0.1


@pytest.mark.parametrize("name", ["UNet", "NestedUNet"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_only_the_statistics_change_and_always_to_the_same(name, layout):
    torch.manual_seed(0)
    model = build_model(name, filters=NARROW).to(memory_format=layout)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    given = [(images.to(memory_format=layout), target) for images, target in batches(2)]
    statistics = NormStatistics(given, CPU)
    statistics.measure(model)
    first = {key: value.clone() for key, value in model.state_dict().items()}
    statistics.measure(model)
    changed = {key for key in before if not torch.equal(before[key], first[key])}
    assert {key.rsplit(".", 1)[1] for key in changed} == {"running_mean", "running_var"}
    assert len(changed) == 2 * sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    again = model.state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_training_measures_those_of_the_network_that_is_scored():
    model = build_model("UNet", filters=NARROW)
    plain, measuring = (
        training_of(model, torch.optim.SGD(model.parameters(), lr=0.1), statistics=statistics)
        for statistics in (None, NormStatistics(batches(2), CPU))
    )
    before = model.conv0_0.bn1.running_mean.clone()
    plain.measure_statistics()
    assert torch.equal(model.conv0_0.bn1.running_mean, before)
    measuring.measure_statistics()
    assert not torch.equal(model.conv0_0.bn1.running_mean, before)
