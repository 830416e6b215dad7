"""The set of one kind, and the changes that are planted in its images."""

import cv2
import numpy as np
from support import planted_changes as planted

from benchmarks.scores.warned import CHANGES, KINDS, SIZES, write_set


def test_only_bright_grey_cells_of_the_chosen_sizes_are_copied(tmp_path):
    source = tmp_path / "source"
    for folder in ("images", "labels"):
        (source / folder).mkdir(parents=True)
    image, labels = planted.drawn_cells(1, size=256)
    kinds = {
        "dark_ground": image,
        "bright_ground": planted.inverted(image),
        "colours": planted.coloured(image),
        "other_size": image[:200],
    }
    for name, pixels in kinds.items():
        cv2.imwrite(str(source / "images" / f"{name}.png"), pixels)
        cv2.imwrite(str(source / "labels" / f"{name}.png"), labels[: len(pixels)].astype(np.uint16))
    assert write_set(source, tmp_path / "out") == 1
    assert [path.name for path in (tmp_path / "out" / "images").iterdir()] == ["dark_ground.png"]
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["dark_ground.png"]


def test_each_change_is_what_its_name_says():
    image = np.random.default_rng(0).integers(0, 256, (*SIZES[0], 3)).astype(np.uint8)
    changed = {name: change(image) for name, (change, _) in CHANGES.items()}
    assert (changed["as they are"] == image).all()
    assert changed["magnification × ½ (area)"].shape == (128, 128, 3)
    assert changed["magnification × 2 (bilinear)"].shape == (512, 512, 3)
    assert (changed["inverted"] == 255 - image).all()
    assert changed["blur, σ 4 pixels"].std() < image.std() / 5
    assert {kind for _, kinds in CHANGES.values() for kind in kinds} <= set(KINDS)
