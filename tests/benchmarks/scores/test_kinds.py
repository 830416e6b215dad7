"""A data folder is divided by the kind of its images."""

import cv2
import numpy as np

from benchmarks.scores.kinds import divide
from datasets.split import read_split


def test_images_go_where_their_kind_belongs(tmp_path):
    dark, bright = np.full((64, 64, 3), 20, np.uint8), np.full((64, 64, 3), (200, 120, 220), np.uint8)
    dark[20:30, 20:30] = bright[20:30, 20:30] = 90
    for name, image in {"a": dark, "b": bright, "c": dark}.items():
        for folder in ("images", "labels"):
            (tmp_path / "set" / folder).mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(tmp_path / "set" / folder / f"{name}.png"), image)
    assert divide(tmp_path / "set", "coloured", tmp_path / "in", tmp_path / "out") == (1, 2)
    for root, names in {"in": ["b.png"], "out": ["a.png", "c.png"]}.items():
        for folder in ("images", "labels"):
            assert sorted(path.name for path in (tmp_path / root / folder).iterdir()) == names
    assert read_split(tmp_path / "in.csv", "abc") == {"a": "train", "b": "val", "c": "train"}
    assert read_split(tmp_path / "out.csv", "abc") == {"a": "val", "b": "train", "c": "val"}
