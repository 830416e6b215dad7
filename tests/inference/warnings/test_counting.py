"""The line about the warnings in images.csv."""

from inference.warnings.counting import warned_line
from inference.warnings.judging import BLURRED, INVERTED, MAGNIFICATION


def table(tmp_path, *warnings):
    path = tmp_path / "images.csv"
    path.write_text("\n".join(["image,warnings", *(f'{n},"{text}"' for n, text in enumerate(warnings)), ""]))
    return path


def test_images_and_kinds_are_counted(tmp_path):
    both = f"{BLURRED}: 2 times; {INVERTED}: the median"
    path = table(tmp_path, both, "", f"{BLURRED}: 3 times", "no pixel size can be read")
    line = warned_line(path)
    assert line.startswith("2 of 4 images are unlike the training images (")
    assert f"{BLURRED} 2" in line
    assert f"{INVERTED} 1" in line
    assert MAGNIFICATION not in line
    assert line.endswith(f"see {path}")


def test_one_and_none(tmp_path):
    assert warned_line(table(tmp_path, f"{BLURRED}: 3 times")).startswith("1 of 1 images is unlike")
    assert warned_line(table(tmp_path, "", "")) == "0 of 2 images are unlike the training images"
