"""Planted changes are warned and named, and unchanged images are not."""

import numpy as np
import pytest
from support import planted_changes as planted

from images.objects import areas_of
from images.statistics.features import (
    colour_statistics,
    contrast_of_cells,
    object_statistics,
    pixel_statistics,
)
from images.statistics.table import ImageTable
from inference.warnings import judging
from inference.warnings.judging import KINDS, Judge
from inference.warnings.neighbours import LEAST, Neighbours

TRAINED, TRIED = 40, 20


def described(image, labels=None):
    """The statistics of a grey image; the file may have had colours."""
    grey = image if image.shape[2] == 1 else image.mean(axis=2, keepdims=True).astype(np.uint8)
    found = pixel_statistics([grey]) | colour_statistics([image])
    if labels is not None:
        mask = (labels > 0).astype(np.uint8)
        found |= object_statistics(areas_of(mask, labels)) | {"cell_contrast": contrast_of_cells([grey], [mask])}
    return found


@pytest.fixture(scope="module")
def judge():
    return Judge(ImageTable.of_rows([described(*planted.drawn_cells(seed)) for seed in range(TRAINED)]))


def kinds_of(judge, change):
    """The kinds of warnings about each of some images that were not trained with."""
    images = [planted.drawn_cells(seed)[0] for seed in range(100, 100 + TRIED)]
    found = [judge.warnings(described(change(image))) for image in images]
    assert all(";" not in text and text.partition(":")[0] in KINDS for texts in found for text in texts)
    return [{text.partition(":")[0] for text in texts} for texts in found]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (planted.twice_as_large, judging.MAGNIFICATION),
        (planted.half_as_large, judging.MAGNIFICATION),
        (planted.blurred, judging.BLURRED),
        (planted.inverted, judging.INVERTED),
        (planted.coloured, judging.CHANNELS),
    ],
)
def test_a_planted_change_is_warned_and_named(judge, change, kind):
    found = kinds_of(judge, change)
    assert sum(map(bool, found)) >= 0.9 * TRIED
    assert sum(kind in kinds for kinds in found) >= 0.75 * TRIED


def test_unchanged_images_are_not_warned(judge):
    assert sum(map(bool, kinds_of(judge, lambda image: image))) <= 1


def test_what_lies_outside_and_by_how_much(judge):
    image, labels = planted.drawn_cells(200)
    assert judge.warnings(described(image, labels)) == []
    (text,) = judge.warnings(described(image) | {"objects": 20, "object_diameter": 60.0})
    assert text.startswith("other magnification: median object 60.0 pixels, training images 1")
    assert judge.warnings(described(image) | {"objects": 4, "object_diameter": 60.0}) == []  # too few to say so
    (text,) = judge.warnings(described(image) | {"cell_contrast": -70.0})
    assert text == (
        "inverted contrast: the predicted cells are darker than the rest by 70 levels, those of the training images "
        "are brighter"
    )
    assert judge.warnings(described(image) | {"cell_contrast": -0.5}) == []  # too little to say so


def test_objects_of_a_usual_size_are_no_evidence_of_a_magnification(judge):
    image = described(planted.twice_as_large(planted.drawn_cells(100)[0]))
    low, high = np.percentile(judge.table.columns["object_diameter"], (1, 99)).tolist()
    words = "other magnification: structures are about twice as large as in the training images"
    for diameter, evidence in ((low + 0.1, ""), (high + 0.1, f" (median object {high + 0.1:.1f} pixels, training ")):
        (text,) = judge.warnings(image | {"objects": 20, "object_diameter": diameter})
        assert text.startswith(words + evidence)
        assert ("median object" in text) == bool(evidence)


def test_a_pixel_size_is_compared_if_both_are_known():
    rows = [described(planted.drawn_cells(seed)[0]) | {"pixel_size_um": 0.3} for seed in range(10)]
    known, image = Judge(ImageTable.of_rows(rows)), described(planted.drawn_cells(3)[0])
    (text,) = known.warnings(image | {"pixel_size_um": 0.65})
    assert text == "other magnification: a pixel of 0.65 µm, training images 0.3 to 0.3 µm"
    assert known.warnings(image | {"pixel_size_um": 0.32}) == []
    assert known.warnings(image) == []


def test_a_grey_image_is_named_where_the_training_had_colours():
    rows = [described(planted.drawn_cells(seed, colours=True)[0]) for seed in range(20)]
    for row, seed in zip(rows, range(20), strict=True):
        row |= pixel_statistics([planted.drawn_cells(seed, colours=True)[0]])
    judge, image = Judge(ImageTable.of_rows(rows)), planted.drawn_cells(50, colours=True)[0]
    assert judge.warnings(colour_statistics([image]) | pixel_statistics([image])) == []
    grey = image[..., [0, 0, 0]]
    found = judge.warnings(colour_statistics([grey]) | pixel_statistics([grey]))
    assert found[0].startswith("other channels: the file is grey")
    other = image + np.array([0, 60, 0], np.uint8)  # a green ground
    found = judge.warnings(colour_statistics([other]) | pixel_statistics([other]))
    assert any(text.startswith("other colours: saturation") for text in found)


@pytest.mark.parametrize("count", [0, 1, LEAST - 1])
def test_too_few_training_images_say_nothing_about_textures(count):
    judge = Judge(ImageTable.of_rows([described(planted.drawn_cells(seed)[0]) for seed in range(count)]))
    assert judge.warnings(described(planted.blurred(planted.drawn_cells(9)[0]))) == []


def test_numbers_that_are_not_known_are_left_out():
    """By hand: points 0, 1, 2, … on a line; the second column is unknown for all, the third for half of them."""
    values = np.full((21, 3), np.nan)
    values[:, 0] = np.arange(21)
    values[::2, 2] = np.arange(0, 21, 2)
    near = Neighbours(values, quantile=1.0)
    assert np.isnan(Neighbours(values[:5], quantile=1.0).limit)
    values[:, 1] = np.arange(21)
    near = Neighbours(values, quantile=1.0)
    assert near.distance(np.array([10.0, 10.0, np.nan])) == 0
    assert near.distance(np.array([40.0, 40.0, np.nan])) > 1
    assert np.isnan(near.distance(np.array([10.0, np.nan, np.nan])))


def test_a_lonely_training_image_is_near_to_more_than_one_in_a_crowd():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(0, 0.1, (30, 2)), rng.normal(10, 1, (30, 2))])
    near = Neighbours(values, quantile=0.95)
    step = np.array([0.7, 0.7])
    assert near.distance(values[:30].mean(0) + step) > near.distance(values[30:].mean(0) + step)


def quantiles_of(values):
    return {f"intensity_q{q:02d}-0": float(value) for q, value in zip((5, 25, 50, 75, 95), values, strict=True)}


def test_dark_and_bright_are_exchanged_quantile_by_quantile():
    """The darkest quantile of an image is the brightest of its negative; without that exchange it is no negative."""
    usual, rng = np.array([10, 12, 60, 90, 235]), np.random.default_rng(0)
    rows = [quantiles_of(usual + rng.normal(0, 3, 5)) for _ in range(40)]
    judge = Judge(ImageTable.of_rows(rows))
    assert judge.warnings(quantiles_of(usual)) == []
    assert any(text.startswith(judging.INVERTED) for text in judge.warnings(quantiles_of(255 - usual[::-1])))
    assert not any(text.startswith(judging.INVERTED) for text in judge.warnings(quantiles_of(255 - usual)))


def test_bright_cells_are_named_where_those_of_the_training_were_dark():
    rows = [{"cell_contrast": -60.0 - seed, "contrast-0": 30.0} for seed in range(20)]
    (text,) = Judge(ImageTable.of_rows(rows)).warnings({"cell_contrast": 70.0, "contrast-0": 30.0})
    assert text == (
        "inverted contrast: the predicted cells are brighter than the rest by 70 levels, those of the training images "
        "are darker"
    )
