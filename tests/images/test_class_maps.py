"""Class maps and one-hot masks: the lobes counted by hand, colours, volumes, and values that are not in the palette."""

import numpy as np
import pytest

from images.class_maps import class_indices, mask_to_onehot, onehot_to_mask
from system.errors import DataError
from system.void import VOID

# An axial slice through the five lobes of a pair of lungs, 0 is what lies around them.
LOBES = ("00000000", "01211110", "01222330", "01123340", "01223440", "01233550", "02234450", "02334550")
LOBES = np.array([[int(digit) for digit in row] for row in LOBES])
# Counted by hand, row by row.
COUNTS = [8 + 2 * 7, 5 + 1 + 2 + 1 + 1, 1 + 3 + 1 + 2 + 1 + 2 + 1, 2 + 2 + 1 + 2 + 1 + 2, 1 + 2 + 2 + 1, 2 + 1 + 2]
COLOURS = [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128]]


def test_the_five_lobes():
    palette = [[0], [1], [2], [3], [4], [5]]
    onehot = mask_to_onehot(LOBES[..., None], palette)
    assert (onehot.shape, onehot.dtype) == ((8, 8, 6), bool)
    assert onehot.sum((0, 1)).tolist() == COUNTS
    assert sum(COUNTS) == 64
    assert (onehot.sum(-1) == 1).all()
    assert np.flatnonzero(onehot[3, 4]).tolist() == [3]  # row 01123340
    assert (onehot_to_mask(onehot, palette)[..., 0] == LOBES).all()


@pytest.mark.parametrize(
    "palette", [range(6), [9, 70_000, 3, 0, 255, 256], [[0], [1], [2], [3], [4], [5]], COLOURS], ids=str
)
@pytest.mark.parametrize("space", [(64,), (8, 8), (2, 6, 16, 24, 24)])
def test_there_and_back_is_the_identity(palette, space):
    indices = np.random.default_rng(0).integers(0, 6, space)
    mask = np.asarray(palette)[indices]
    onehot = mask_to_onehot(mask, palette)
    assert onehot.shape == (*space, 6)
    assert (onehot.argmax(-1) == indices).all()
    assert (onehot_to_mask(onehot, palette) == mask).all()
    by_hand = [(mask.reshape(*space, -1) == np.asarray(entry)).all(-1) for entry in palette]
    assert (onehot == np.stack(by_hand, axis=-1)).all()


def test_a_volume_is_its_flattened_space():
    mask = np.random.default_rng(0).integers(0, 4, (2, 6, 16, 24, 24))
    volume = mask_to_onehot(mask, [3, 1, 0, 2])
    assert (volume.reshape(2, 6, -1, 4) == mask_to_onehot(mask.reshape(2, 6, -1), [3, 1, 0, 2])).all()


def test_the_largest_channel_is_decoded_and_the_dtype_is_small():
    scores = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])
    assert onehot_to_mask(scores, [7, 8, 9]).tolist() == [8, 7]
    assert onehot_to_mask(scores, [7, 8, 9]).dtype == np.uint8
    assert onehot_to_mask(scores, [7, 8, 300]).dtype == np.uint16


def test_void_is_255():
    mask = np.array([[0, 1, 9, 2]], np.uint8)
    assert class_indices(mask, [0, 1, 2], void=9).tolist() == [[0, 1, VOID, 2]]
    colours = np.array([[0, 0, 0], [255, 255, 255], [9, 9, 9]], np.uint8)
    indices = class_indices(colours, [[9, 9, 9], [0, 0, 0]], void=[255, 255, 255])
    assert indices.tolist() == [1, VOID, 0]


def test_values_outside_the_palette_are_named_and_counted():
    with pytest.raises(DataError) as caught:
        mask_to_onehot(LOBES, [0, 1, 2, 3], name="lung.png")
    message = str(caught.value)
    assert message.startswith("lung.png: values that the palette does not have: ")
    assert f"4 in {COUNTS[4]} pixels, 5 in {COUNTS[5]} pixels" in message
    assert "allowed are [0, 1, 2, 3]" in message
    picture = np.array(COLOURS, np.uint8)[LOBES]
    with pytest.raises(DataError, match=rf"\[128, 0, 128\] in {COUNTS[5]} pixels; allowed are \[\[0, 0, 0\]"):
        mask_to_onehot(picture, COLOURS[:5])
    with pytest.raises(DataError, match=r"values that .*and 14 more"):
        mask_to_onehot(np.arange(22), [0, 1])


@pytest.mark.parametrize(
    ("mask", "palette", "told"),
    [
        (LOBES, [[0], [1]], r"the palette is for an integer map \[\*space, 1\]; got int64 \[8, 8\]"),
        (LOBES, COLOURS, r"\[\*space, 3\]"),
        (LOBES / 2, [0, 1], r"integer map \[\*space\]; got float64"),
        (LOBES, [0, 1, 1], "all different"),
        (LOBES, list(range(256)), "at most 255 entries"),
    ],
)
def test_a_palette_that_does_not_fit(mask, palette, told):
    with pytest.raises(ValueError, match=told):
        mask_to_onehot(mask, palette)


def test_onehot_and_palette_of_different_lengths():
    with pytest.raises(ValueError, match="3 channels, but a palette of 2 entries"):
        onehot_to_mask(np.zeros((4, 3)), [0, 1])
