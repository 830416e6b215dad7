"""Groups are what the pairs connect, or what dataset.yaml gives."""

import numpy as np
from support.fields import drawn_field, tiles_of

from datasets.grouping.groups import UNREAD, components, group_images
from datasets.grouping.views import view_of

VIEWS = {f"field {y}{x}": view_of(tile[..., None]) for (y, x), tile in tiles_of(drawn_field(0)).items()}
VIEWS |= {f"lone {seed}": view_of(drawn_field(seed, 128, 128)[..., None]) for seed in range(1, 9)}


def test_components():
    assert components(6, [(4, 2), (0, 3), (3, 5)]) == [0, 1, 2, 0, 2, 0]
    assert components(3, []) == [0, 1, 2]


def test_a_field_is_a_group_and_lone_images_are_groups_by_themselves():
    grouping = group_images(VIEWS)
    assert {group for one, group in grouping.groups.items() if one.startswith("field")} == {"field 00"}
    assert all(grouping.groups[one] == one for one in VIEWS if one.startswith("lone"))
    assert (len(grouping.tiles), len(grouping.related), grouping.by_chance) == (24, 16, 0)
    assert grouping.description == (
        "9 groups of 24 images found, 16 images in the largest; 16 images continue another one (0 where edges do not "
        "face each other), 0 are near duplicates"
    )


def test_a_copy_joins_the_group_of_its_original_and_hides_no_neighbour():
    grouping = group_images(VIEWS | {"copy": VIEWS["field 11"], "copy of lone": VIEWS["lone 3"]})
    assert grouping.groups["copy"] == grouping.groups["field 33"] == "copy"
    assert grouping.groups["lone 3"] == "copy of lone"
    assert len(grouping.related) == 16
    assert sorted(grouping.duplicates) == [("copy", "field 11"), ("copy of lone", "lone 3")]


def test_images_that_cannot_be_read_are_groups_by_themselves():
    grouping = group_images({"a": None, "b": None, **VIEWS})
    assert (grouping.groups["a"], grouping.groups["b"], grouping.kinds["a"]) == ("a", "b", UNREAD)
    assert len(grouping.tiles) == 24


def test_given_groups_take_the_place_of_what_is_found():
    given = {"field 00": "slide", "lone 1": "slide"}
    grouping = group_images(VIEWS, given)
    assert grouping.groups["lone 1"] == grouping.groups["field 00"] == "field 00"
    assert len(set(grouping.groups.values())) == len(VIEWS) - 1
    assert len(grouping.tiles) == 24  # still found, so that a check can compare


def test_who_crosses_a_split():
    grouping = group_images({name: VIEWS[name] for name in ("field 00", "field 01", "field 10", "lone 1")})
    split = {"field 00": "train", "field 01": "val", "field 10": "train", "lone 1": "val"}
    assert grouping.across(split, "val", "train") == ["field 01"]  # field 10 touches field 00 only
    assert grouping.across(split, "train", "val") == ["field 00"]
    assert grouping.across(dict.fromkeys(split, "train"), "val", "train") == []


def test_nothing_is_found_in_one_image():
    assert group_images({"a": view_of(np.eye(9, dtype=np.uint8)[..., None])}).groups == {"a": "a"}
