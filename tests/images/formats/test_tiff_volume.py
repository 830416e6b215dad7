"""TIFF stacks: damage, hostile pages, and what an open file says about itself."""

import io
import random
from collections import Counter

import numpy as np
import pytest
import tifffile
from support.image_files import GREY, pil, tif
from support.stacks import OME, TZCYX, Z_STACKS, ZYX, axes

from images.formats.tiff_volume import Layout, TiffVolume
from images.opening import open_volume
from images.planes import Selection
from images.reading import decode_image
from system.errors import FileError


def open_of(data):
    return TiffVolume(io.BytesIO(data), data, max_pixels=10**6)


def test_pages_of_different_kinds_are_no_stack():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, ome=False) as file:
        for page in (ZYX[0], ZYX[1, :6]):
            file.write(page, photometric="minisblack", metadata=None)
    with pytest.raises(FileError, match="2 images in one TIFF"):
        decode_image(buffer.getvalue(), "x", selection=Selection("z=0"))
    data = bytearray(Z_STACKS["OME, deflate, tiles"])
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tag = file.pages[3].aspage().tags[258]
    data[tag.valueoffset] = 8  # bits of the fourth page, which tifffile reads like the first
    assert np.array_equal(
        decode_image(Z_STACKS["OME, deflate, tiles"], "x", selection=Selection("z=0"))[..., 0], ZYX[0]
    )
    with pytest.raises(FileError, match="a stack whose pages have different sizes or kinds of pixels"):
        decode_image(bytes(data), "x", selection=Selection("z=0"))


@pytest.mark.parametrize("kind", Z_STACKS)
def test_stacks_that_are_cut_off_are_refused_or_whole(kind):
    """No plane is ever filled with zeros or with the pixels of another one."""
    data = Z_STACKS[kind]
    outcomes = set()
    for length in range(0, len(data), max(1, len(data) // 150)):
        for plane in ("z=0", "z=3"):
            try:
                found = decode_image(data[:length], "x", selection=Selection(plane))
            except FileError:
                outcomes.add("refused")
            else:
                assert np.array_equal(found[..., 0], ZYX[int(plane[-1])])
    assert "refused" in outcomes


def test_volumes_of_files(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(tif(TZCYX, **OME, **axes("TZCYX", Channel={"Name": ["a", "b", "c"]})))
    with open_volume(path, max_pixels=10**6) as volume:
        assert volume.lengths == {"T": 2, "Z": 5, "C": 3}
        assert volume.stacked == {"T": 2, "Z": 5}
        assert (volume.size, volume.channels, volume.channel_names) == ((12, 20), 3, ("a", "b", "c"))
        assert np.array_equal(volume.read({"T": 1, "Z": 2}), np.moveaxis(TZCYX[1, 2], 0, -1))
    path.write_bytes(pil(GREY))
    assert open_volume(path, max_pixels=10**6) is None
    with pytest.raises(FileError, match="cannot be read"):
        open_volume(tmp_path / "none.tif", max_pixels=10**6)


@pytest.mark.parametrize("kind", ["assocalpha", "unassalpha"])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_of_both_kinds_is_no_channel(kind, channels):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 20, channels + 1)).astype(np.uint8)
    what = "rgb" if channels == 3 else "minisblack"
    data = tif(pixels, photometric=what, planarconfig="contig", extrasamples=[kind])
    with open_of(data) as volume:
        assert (volume.alpha, volume.channels) == (True, channels)
        assert np.array_equal(volume.read({}), pixels[..., :channels])


def test_numbers_of_pages():
    """Pages follow each other along the last axis first; without an axis there is one page."""
    layout = Layout((("T", 2), ("C", 3)), samples=1, samples_first=False)
    assert [layout.numbers({"T": number}) for number in (0, 1)] == [[0, 1, 2], [3, 4, 5]]
    assert Layout((("Q", 1),), samples=1, samples_first=False).numbers({}) == [0]
    assert Layout((("Q", 2), ("Q", 3)), samples=1, samples_first=False).numbers({"Q": 4}) == [4]
    assert Layout((), samples=1, samples_first=False).numbers({}) == [0]


@pytest.mark.parametrize("kind", Z_STACKS)
def test_random_changes_of_a_stack_are_refused_or_read(kind):
    """Nothing but a FileError is raised, and what is read has the shape of a plane."""
    chance, outcomes = random.Random(kind), Counter()
    for _ in range(60):
        data = bytearray(Z_STACKS[kind])
        for _ in range(chance.choice((1, 2, 8))):
            place = chance.randrange(min(len(data), 1200) if chance.random() < 0.8 else len(data))
            data[place] = chance.randrange(256)
        selection = Selection(chance.choice(("z=0", "z=3", "max", "t=1,z=1")), pages="any")
        try:
            found = decode_image(bytes(data), "x", max_pixels=2**14, selection=selection)
        except FileError:
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
            assert found.ndim == 3
            assert found.shape[0] * found.shape[1] <= 2**14
    assert set(outcomes) == {"refused", "read"}
