"""The check reports which images belong together, and warns if a random split divides them."""

import re

import cv2
import numpy as np
import pytest
import yaml
from support.fields import drawn_field, tiles_of

from datasets.check.folder import check
from datasets.split import SplitRule, random_split
from engine.schema.data import DataConfig


def write_folder(root, images):
    for name, image in images.items():
        for folder, pixels in (("images", image), ("masks", np.where(image > 128, 255, 0))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(root / folder / f"{name}.png"), pixels.astype(np.uint8))
    return root


FIELD = {f"t{y}{x}": tile for (y, x), tile in tiles_of(drawn_field(0)).items()}
LONE = {f"u{seed}": drawn_field(seed, 128, 128) for seed in range(1, 9)}


def warnings(report, kind):
    return [one for one in report.problems if one.kind == kind]


def test_a_random_split_of_tiles_leaks(tmp_path):
    report = check(write_folder(tmp_path, FIELD | LONE))
    found = report.facts["relations"]
    assert (found["groups"], found["largest"], found["with_neighbour"]) == (9, 16, 16)
    assert (found["with_neighbour_by_chance"], found["near_duplicates"], found["given"]) == (0, 0, False)
    assert sum(found["kinds"].values()) == 24
    split = random_split([*FIELD, *LONE], val_fraction=0.2, seed=41)
    places = {name: (int(name[1]), int(name[2])) for name in FIELD}
    leaking = [
        name
        for name, (y, x) in places.items()
        if split[name] == "val"
        and any(split[other] == "train" and abs(y - v) + abs(x - u) == 1 for other, (v, u) in places.items())
    ]
    assert found["random_split_leaks"] == len(leaking) > 0
    (warning,) = warnings(report, "leak")
    validating = sum(part == "val" for part in split.values())
    assert f"leaks: {len(leaking)} of its {validating} validation images" in warning.found
    assert (warning.fix, warning.severity) == ("set data.split=grouped, which keeps them together", "warning")
    named = re.search(r"training: images/(\w+)\.png continues images/(\w+)\.png \(tiles of one field\)", warning.found)
    (y, x), (v, u) = (places[name] for name in named.groups())
    assert [split[name] for name in named.groups()] == ["val", "train"]
    assert abs(y - v) + abs(x - u) == 1
    assert warning.found.endswith(f", and {len(leaking) - 1} more")
    assert "16 images with a neighbour" in report.text()


def test_a_near_duplicate_is_named_with_what_it_repeats(tmp_path):
    twins = {f"{name}_again": image for name, image in LONE.items()}
    (warning,) = warnings(check(write_folder(tmp_path, LONE | twins)), "leak")
    one, other = re.search(
        r"images/(\w+)\.png repeats images/(\w+)\.png \(nearly the same pixels\)", warning.found
    ).groups()
    assert {one, other} in [{name, f"{name}_again"} for name in LONE]


def test_unrelated_images_leak_nothing(tmp_path):
    report = check(write_folder(tmp_path, LONE))
    assert (report.facts["relations"]["groups"], report.facts["relations"]["random_split_leaks"]) == (8, 0)
    assert warnings(report, "leak") == warnings(report, "groups") == []


def test_given_groups_that_divide_neighbours_are_warned_of(tmp_path):
    write_folder(tmp_path, FIELD | LONE)
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({"groups": {"all": ["t*"]}}))
    report = check(tmp_path)
    assert report.facts["relations"]["given"]
    assert warnings(report, "groups") == []
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({"groups": {"upper": ["t0*", "t1*"], "lower": ["t[23]*"]}}))
    (warning,) = warnings(check(tmp_path), "groups")
    assert warning.found.startswith("4 pairs of neighbours or near duplicates are in different groups: ")
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump({"groups": {"upper": ["x*"]}}))
    (warning,) = warnings(check(tmp_path), "groups")
    assert "there is no such image" in warning.found


@pytest.mark.parametrize(
    ("key", "value"), [("val_fraction", SplitRule().val_fraction), ("split_seed", SplitRule().seed)]
)
def test_the_split_that_is_judged_is_the_default_one(key, value):
    assert DataConfig.model_fields[key].default == value
