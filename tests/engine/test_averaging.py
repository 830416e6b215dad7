"""The moving average of weights, by hand."""

import pytest
import torch
from support.networks import NARROW
from support.trainings import training_of
from torch import nn

from engine.averaging import WeightAverage
from models import build_model


def one_weight(value):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def test_the_first_updates_by_hand():
    model = one_weight(0.0)
    average = WeightAverage(model, 0.999)
    expected = 0.0
    for n, decay in enumerate((1 / 10, 2 / 11, 3 / 12)):
        nn.init.constant_(model.weight, n + 1.0)
        average.update(model)
        expected = decay * expected + (1 - decay) * (n + 1.0)
        assert average.network.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 3  # the training goes on with its own weights
    assert not average.network.weight.requires_grad


def test_the_decay_is_never_above_the_configured_one():
    average = WeightAverage(one_weight(0.0), 0.5)
    average.updates = 1000
    average.update(one_weight(8.0))
    assert average.network.weight.item() == 4


def test_running_statistics_are_averaged_and_counts_are_copied():
    model = build_model("UNet", filters=NARROW).train()
    average = WeightAverage(model, 0.5)
    average.updates = 1000
    before = average.network.conv0_0.bn1.running_mean.clone()
    model(torch.randn(2, 3, 16, 16))
    average.update(model)
    own, new = average.network.conv0_0.bn1, model.conv0_0.bn1
    torch.testing.assert_close(own.running_mean, (before + new.running_mean) / 2)
    assert own.num_batches_tracked == new.num_batches_tracked == 1
    assert not average.network.training


def test_a_training_scores_with_the_average_and_goes_on_from_both():
    def make():
        torch.manual_seed(0)
        model = build_model("UNet", filters=NARROW)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return training_of(model, optimizer, average=WeightAverage(model, 0.9))

    images, target = torch.randn(2, 3, 16, 16), torch.ones(2, 1, 16, 16)
    training, resumed = make(), make()
    for _ in range(2):
        training.step(images, target)
    state = training.state_dict()
    scored, trained = training.scored_model.state_dict(), training.model.state_dict()
    assert training.scored_model is training.average.network
    assert not torch.equal(scored["final.weight"], trained["final.weight"])
    assert all(torch.equal(state["model"][name], scored[name]) for name in scored)
    resumed.load_state_dict(state, epochs_changed=False)
    for one in (training, resumed):
        one.step(images, target)
    for network in ("model", "scored_model"):
        left, right = (getattr(one, network).state_dict() for one in (training, resumed))
        assert all(torch.equal(left[name], right[name]) for name in left)
    assert training.average.updates == resumed.average.updates == 3
