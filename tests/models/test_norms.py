"""Group norm in place of batch norm: in both networks, by hand, and where batch norm is expected."""

import pytest
import torch
from support.networks import NARROW
from torch import nn

from models import MODELS, NORMS, build_model, fold_batch_norm, prune
from models.norms import norm_of


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(512, 32), (128, 32), (64, 16), (32, 8), (8, 2), (10, 2), (12, 3), (7, 1), (4, 1), (1, 1), (130, 26)],
)
def test_groups_are_at_most_32_of_at_least_4_channels_if_the_width_allows(channels, groups):
    assert norm_of("group", channels).num_groups == groups


def test_a_group_is_normalised_by_hand():
    norm, image = norm_of("group", 8), torch.arange(16.0).reshape(1, 8, 1, 2)
    # The first group has the numbers 0 … 7, with mean 3.5 and variance 5.25.
    expected = (torch.arange(8.0) - 3.5) / (5.25 + 1e-5) ** 0.5
    torch.testing.assert_close(norm(image).flatten()[:8], expected)


@pytest.mark.parametrize("name", MODELS)
def test_an_image_is_seen_alike_alone_in_a_batch_and_in_training(name):
    torch.manual_seed(0)
    model = build_model(name, filters=NARROW, norm="group")
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model.modules())
    assert not list(model.buffers())
    images = torch.randn(3, 3, 32, 32)
    whole = model.eval()(images)
    torch.testing.assert_close(model(images[:1]), whole[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(model.train()(images), whole)
    plain = build_model(name, filters=NARROW).eval()
    alone = plain.train()(images[:1])
    assert not torch.allclose(alone, plain(images)[:1], rtol=1e-3, atol=1e-3)  # batch norm is not like that


def test_names_of_batch_norm_stay_and_those_of_group_norm_are_a_part_of_them():
    batch, group = (build_model("UNet", filters=NARROW, norm=norm).state_dict().keys() for norm in NORMS)
    assert batch == build_model("UNet", filters=NARROW).state_dict().keys()
    assert {name.rsplit(".", 1)[1] for name in batch - group} == {"running_mean", "running_var", "num_batches_tracked"}
    assert not group - batch


def test_folding_and_pruning_leave_group_norm_alone():
    torch.manual_seed(0)
    model = build_model("NestedUNet", filters=NARROW, deep_supervision=True, norm="group").eval()
    image = torch.randn(1, 3, 16, 16)
    assert torch.equal(fold_batch_norm(model)(image), model(image))
    assert prune(model, 1)(image).shape == (1, 1, 16, 16)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="allowed are batch and group"):
        build_model("UNet", filters=NARROW, norm="layer")
