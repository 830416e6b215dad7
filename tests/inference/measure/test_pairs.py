"""Which label map belongs to which image."""

from pathlib import Path

import pytest

from images.image_reader import ImageFile
from images.naming import IMAGE_ENDINGS, TRUTH_ENDINGS
from inference.measure.pairs import pairs_of
from system.errors import ConfigError


def files(folder, *ids):
    return [ImageFile(one, Path(folder, one + ".tif")) for one in ids]


def ids_of(labels, images):
    pairs, lonely = pairs_of(files("labels", *labels), files("images", *images))
    return [(pair.id, pair.labels.id, pair.image.id) for pair in pairs], [error.file for error in lonely]


@pytest.mark.parametrize("ending", ["", *TRUTH_ENDINGS])
@pytest.mark.parametrize("of_image", IMAGE_ENDINGS)
def test_endings_of_programs(ending, of_image):
    images = ["A01/i0" + of_image, "A01/i1" + of_image]
    found, lonely = ids_of(["A01/i0" + ending, "A01/i1" + ending], images)
    assert found == [(image, f"A01/i{number}{ending}", image) for number, image in enumerate(images)]
    assert lonely == []


def test_the_same_name_comes_before_an_ending():
    assert ids_of(["a_mask", "a"], ["a", "a_mask"])[0] == [("a", "a", "a"), ("a_mask", "a_mask", "a_mask")]


def test_a_label_map_without_an_image_is_named():
    assert ids_of(["a", "b", "B/a"], ["a", "c"]) == (
        [("a", "a", "a")],
        [str(Path("labels/B/a.tif")), str(Path("labels/b.tif"))],
    )


def test_two_files_are_a_pair_under_any_names():
    assert ids_of(["x"], ["y"]) == ([("y", "x", "y")], [])


def test_two_label_maps_of_one_image_are_refused():
    with pytest.raises(ConfigError, match=r"a.tif and .*a_masks.tif belong to one image"):
        ids_of(["a", "a_masks"], ["a", "b"])


def test_two_images_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="have one name"):
        ids_of(["a", "b"], ["a", "a_img"])


def test_one_folder_of_both():
    """As Cellpose writes its masks beside the images."""
    both = files("both", "a", "a_cp_masks", "b", "b_cp_masks")
    pairs, lonely = pairs_of(both, both)
    assert [(pair.id, pair.labels.id) for pair in pairs] == [("a", "a_cp_masks"), ("b", "b_cp_masks")]
    assert lonely == []


def test_no_images():
    pairs, lonely = pairs_of(files("labels", "b", "a"), None)
    assert [(pair.id, pair.image) for pair in pairs] == [("a", None), ("b", None)]
    assert lonely == []
