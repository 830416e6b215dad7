"""Wrong inputs: the message for each of them says what to do."""

import pytest
import torch
from support.losses_cases import random_pair

from losses import LOSSES, build_loss, takes_class_weights

OF_MASKS_ALONE = ["BCEWithLogitsLoss", "BCEDiceLoss", "LovaszHingeLoss"]


@pytest.mark.parametrize("name", LOSSES)
def test_shapes_that_differ(name):
    with pytest.raises(ValueError, match=r"\[2, 3, 4, 4\].*\[2, 3, 4, 5\]"):
        build_loss(name)(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 5))
    with pytest.raises(ValueError, match=r"\[2, 3, 4, 4\].*\[2, 5, 4\]"):
        build_loss(name)(torch.zeros(2, 3, 4, 4), torch.zeros(2, 5, 4, dtype=torch.int64))


@pytest.mark.parametrize("name", OF_MASKS_ALONE)
def test_class_indices_for_a_loss_of_masks(name):
    with pytest.raises(ValueError, match=r"class indices \(task multiclass\) needs another loss, such as CrossEntropy"):
        build_loss(name)(*random_pair("multiclass"))


def test_masks_for_cross_entropy():
    with pytest.raises(ValueError, match=r"For masks .* use BCEWithLogitsLoss"):
        build_loss("CrossEntropyLoss")(*random_pair("multilabel"))


@pytest.mark.parametrize("name", [name for name in LOSSES if name not in OF_MASKS_ALONE])
def test_class_indices_that_cannot_be(name):
    logits, target = random_pair("multiclass")
    with pytest.raises(ValueError, match=r"must be int64; got torch.float32. Convert it with .long\(\)"):
        build_loss(name)(logits, target.float())
    with pytest.raises(ValueError, match="have one; give a mask of the logits' shape instead"):
        build_loss(name)(logits[:, :1], target)
    target[0, 0, :2] = 255
    with pytest.raises(ValueError, match=r"2 pixels .* \(\[255\] …\); allowed are 0 to 2. Set ignore_index"):
        build_loss(name)(logits, target)
    build_loss(name, ignore_index=255)(logits, target)


@pytest.mark.parametrize("name", [name for name in LOSSES if takes_class_weights(name)])
def test_weights_of_the_wrong_length(name):
    pair = random_pair("multilabel" if name in (*OF_MASKS_ALONE, "BinaryDiceLoss") else "multiclass")
    with pytest.raises(ValueError, match="weight has 2 numbers and the network has 3 channels; give one number per"):
        build_loss(name, weight=[1, 2])(*pair)
    build_loss(name, weight=[0, 2, 1])(*pair)
    with pytest.raises(ValueError, match=r"weight must hold numbers from 0, .*; got \[1.0, -1.0, 0.0\]"):
        build_loss(name, weight=[1, -1, 0])


def test_smoothing_of_the_wrong_length():
    with pytest.raises(ValueError, match="smooth has 2 numbers and the network has 3 channels"):
        build_loss("DiceLoss", smooth=[1, 2])(*random_pair("multiclass"))


def test_one_channel_of_softmax_and_no_channel_at_all():
    with pytest.raises(ValueError, match="softmax of one channel is 1 everywhere; use activation sigmoid"):
        build_loss("MultiClassDiceLoss")(*random_pair("binary"))
    with pytest.raises(ValueError, match="leave out all channels of the network, which has 1 channel"):
        build_loss("DiceLoss", include_background=False)(*random_pair("binary"))


def test_an_unknown_loss():
    with pytest.raises(ValueError, match="allowed are BCEWithLogitsLoss, BCEDiceLoss, LovaszHingeLoss"):
        build_loss("Dice")
