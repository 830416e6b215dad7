"""Which arguments go with each other, with the kind of target and with the number of channels."""

from typing import Literal

import pytest

from losses.rules import (
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    check_arguments,
    check_choice,
    check_only_masks,
    kept_channels,
)


def test_ranges_in_words():
    assert [str(allowed) for allowed in (NON_NEGATIVE, POSITIVE, FRACTION)] == ["from 0", "above 0", "from 0 to 1"]


def test_choices():
    check_choice("form", "a", Literal["a", "b"])
    with pytest.raises(ValueError, match="form 'c' is unknown; allowed are a, b"):
        check_choice("form", "c", Literal["a", "b"])


def test_kept_channels():
    assert kept_channels(3, include_background=True, ignore_class=None) == [0, 1, 2]
    assert kept_channels(3, include_background=False, ignore_class=2) == [1]
    with pytest.raises(ValueError, match="leave out all channels of the network, which has 2 channels; keep one"):
        kept_channels(2, include_background=False, ignore_class=1)


def test_a_keyword_for_masks():
    check_only_masks("alpha", 0.25, "mask")
    check_only_masks("alpha", 0.25, "masks")
    check_only_masks("alpha", None, "indices")
    with pytest.raises(ValueError, match="alpha is for masks"):
        check_only_masks("alpha", 0.0, "indices")


@pytest.mark.parametrize(
    ("arguments", "target", "channels"),
    [
        ({}, "mask", None),
        ({"weight": [2], "smooth": [1], "pos_weight": [3]}, "mask", None),
        ({"weight": [0, 1], "ignore_class": 1, "classes": [1]}, "masks", 2),
        ({"weight": [0, 1, 2], "smooth": 1.0, "per_class": True}, "indices", None),
        ({"classes": "present", "activation": "softmax", "include_background": False}, "indices", 2),
        ({"ignore_class": 7, "classes": [9]}, "indices", None),  # the data set will say how many there are
        ({"per_class": False, "smooth": 1.0, "weight": None}, "masks", 3),
    ],
)
def test_arguments_that_go_together(arguments, target, channels):
    check_arguments(arguments, target=target, channels=channels)


@pytest.mark.parametrize(
    ("arguments", "target", "channels", "told"),
    [
        ({"weight": [1, 2]}, "mask", None, "weight has 2 numbers and the network has 1 channel;"),
        ({"smooth": [1]}, "masks", None, "smooth has 1 number and the network has several channels;"),
        ({"pos_weight": [1, 2]}, "masks", 3, "pos_weight has 2 numbers and the network has 3 channels; give one"),
        ({"pos_weight": [0, 0]}, "masks", 2, "pos_weight must hold numbers from 0, and one of them above 0"),
        ({"weight": [0]}, "mask", None, "weight must hold numbers from 0"),
        ({"classes": [1, 5]}, "indices", 3, r"classes is \[1, 5\], and the network has the channels 0 to 2"),
        ({"ignore_class": 1}, "mask", None, "ignore_class is 1, and the network has the channels 0 to 0"),
        ({"activation": "softmax"}, "masks", 3, "activation softmax is for class indices"),
        ({"include_background": False}, "mask", None, "leave out all channels of the network, which has 1 channel"),
        ({"ignore_class": 0}, "masks", 1, "leave out all channels of the network, which has 1 channel"),
        ({"include_background": False}, "masks", None, "masks of several classes have no background there"),
        ({"per_class": False, "weight": [1, 2]}, "indices", None, "with per_class false the classes are pooled"),
        ({"per_class": False, "smooth": [1, 2]}, "indices", 2, "with per_class false the classes are pooled"),
    ],
)
def test_arguments_that_do_not_go_together(arguments, target, channels, told):
    with pytest.raises(ValueError, match=told):
        check_arguments(arguments, target=target, channels=channels)
