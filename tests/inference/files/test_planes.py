"""Which images stand behind a file when each plane is one."""

import numpy as np
import tifffile

from images.image_reader import ImageFile, ImageReader
from inference.files.planes import images_of, planes_line

READER = ImageReader(1)


def files_of(tmp_path):
    """A stack of two times and three depths, a plain image, and a file that is damaged."""
    files = [ImageFile(f"well/{name}", tmp_path / f"{name}.tif") for name in ("stack", "plain", "broken")]
    stack = np.zeros((2, 3, 4, 5), np.uint8)
    tifffile.imwrite(files[0].path, stack, photometric="minisblack", metadata={"axes": "TZYX"})
    tifffile.imwrite(files[1].path, stack[0, 0])
    files[2].path.write_bytes(b"II*\0")
    return files


def test_one_plane_of_each_file(tmp_path):
    files = files_of(tmp_path)
    for plane in (None, "z=1", "t=0,max"):
        found = images_of(files, READER, plane)
        assert [(one.id, one.path, one.plane) for one in found] == [(file.id, file.path, plane) for file in files]


def test_each_plane_is_an_image_in_the_folder_of_its_file(tmp_path):
    """A plain image and a file that cannot be opened are one image each; the error of the second comes later."""
    files = files_of(tmp_path)
    found = images_of(files, READER, "each")
    ids = [f"well/stack/t{t:03d}_z{z:03d}" for t in range(2) for z in range(3)]
    assert [one.id for one in found] == [*ids, "well/plain", "well/broken"]
    assert [one.path for one in found] == [files[0].path] * 6 + [files[1].path, files[2].path]
    assert [one.plane for one in found[-2:]] == ["max", "max"]
    assert {frozenset(one.plane.split(",")) for one in found[:6]} == {
        frozenset((f"t={t}", f"z={z}")) for t in range(2) for z in range(3)
    }
    found = images_of(files[:1], READER, "z=each,t=1")
    assert [one.id for one in found] == [f"well/stack/z{z:03d}" for z in range(3)]


def test_cells_of_planes_are_counted_in_each():
    assert planes_line(["a", "b"]) is None
    assert planes_line(["a"] * 5).startswith(
        "5 images are planes of 1 stack: a cell that several planes show counts in"
    )
    assert planes_line([*"abcacc"]).startswith("5 images are planes of 2 stacks: ")
