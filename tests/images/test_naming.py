"""Names as tools write them: which file of the truth belongs to which image."""

import pytest

from images.naming import SAME, Naming, naming_of, naming_within, side_results_among


@pytest.mark.parametrize(
    ("images", "truth", "expected"),
    [
        (["a", "b"], ["a", "b"], SAME),
        (["a", "b"], ["a_cp_masks", "b_cp_masks"], Naming("_cp_masks")),
        (["a", "b"], ["a_masks", "b_masks"], Naming("_masks")),
        (["a", "b"], ["a_mask", "gone_mask"], Naming("_mask")),  # one image is missing; the rule is the same
        (["a", "b"], ["a-labelled", "b-labelled"], Naming("-labelled")),
        (["a_img", "b_img"], ["a_masks", "b_masks"], Naming("_masks", "_img")),
        (["p/a", "q/a"], ["p/a_label", "q/a_label"], Naming("_label")),
        (["a", "b"], ["a_mask", "b"], SAME),  # not the same for all
        (["a", "b"], ["a_mask", "b_masks"], SAME),
        (["a", "b"], ["c_mask", "d_mask"], SAME),  # no image fits
        (["a_mask"], ["a_mask"], SAME),  # the images themselves are called so
        ([], ["a_mask"], SAME),
        (["a"], [], SAME),
    ],
)
def test_a_rule_counts_if_all_files_follow_it(images, truth, expected):
    assert naming_of(images, truth) == expected


def test_the_two_names_follow_from_each_other():
    rule = Naming("_masks", "_img")
    assert (rule.image_of("a_masks"), rule.file_of("a_img")) == ("a_img", "a_masks")
    assert str(rule) == "<name>_img and <name>_masks"
    assert str(Naming("_cp_masks")) == "<image>_cp_masks"
    assert SAME.image_of("a") == SAME.file_of("a") == "a"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "a_mask", "b", "b_mask"], Naming("_mask")),
        (["a_img", "a_masks", "b_img", "b_masks"], Naming("_masks", "_img")),
        (["a", "a_cp_masks", "b", "b_cp_masks", "c"], Naming("_cp_masks")),
        (["a", "a_mask", "b", "b_mask", "c", "c_masks"], Naming("_mask")),  # the most pairs
        (["a", "b", "c"], None),
        (["a_mask", "b_mask"], None),  # masks without images
    ],
)
def test_files_of_the_truth_are_found_among_their_images(names, expected):
    assert naming_within(names) == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "a_cp_masks", "a_flows", "a_cp_output"], {"a_flows", "a_cp_output"}),
        (["a_cp_masks", "a_outlines", "b_flows"], {"a_outlines"}),  # a folder of results; b is not there
        (["w/a_img", "w/a_dP", "a_dP"], {"w/a_dP"}),
        (["a", "a_flows_cp_masks"], {"a_flows_cp_masks"}),  # as newer versions name them
        (["a", "a_output"], {"a_output"}),
        (["flows", "a_flow", "a_cp_masks", "a"], set()),
    ],
)
def test_what_cellpose_writes_beside_an_image_is_neither_image_nor_label_map(names, expected):
    assert side_results_among(names) == expected
