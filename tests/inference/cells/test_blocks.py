"""Decoding block by block finds what decoding the whole image finds, wherever the seams lie."""

import tracemalloc

import cv2
import numpy as np
import pytest
from support.drawn_maps import drawn_labels, maps_of

from inference.cells import blocks
from inference.cells.blocks import decode_blocks
from inference.cells.decoding import METHODS, Decoding, decode, decoding_by

PLAIN = Decoding("components", min_seed=1, min_area=1)


@pytest.fixture
def in_blocks(tmp_path):
    """Decodes maps in blocks and returns (labels, tally); the scratch folder is empty again afterwards."""

    def decoded(maps, how, *, block, halo):
        labels = np.full(maps.shape[1:], 99, np.int32)
        tally = decode_blocks(maps, how, labels, scratch=tmp_path, block=block, halo=halo)
        assert not list(tmp_path.iterdir())
        return labels, tally

    return decoded


def assert_same(found, whole):
    labels, tally = found
    assert (labels != whole.labels).sum() == 0
    assert tally.areas.tolist() == np.bincount(whole.labels.ravel())[1:].tolist()
    assert tally.confidences.dtype == np.float32
    np.testing.assert_allclose(tally.confidences, whole.confidences, rtol=1e-6)


@pytest.mark.parametrize("noise", [0, 0.15])
@pytest.mark.parametrize("method", ["distance", "border", "components"])
@pytest.mark.parametrize(("block", "halo"), [(128, 32), (100, 40)])
def test_no_pixel_differs_from_the_whole_image(in_blocks, method, noise, block, halo):
    how = decoding_by(method)
    maps = maps_of(drawn_labels(512), method, noise=noise)
    assert_same(in_blocks(maps, how, block=block, halo=halo), decode(maps, how))
    levels = np.rint(maps * 255).astype(np.uint8)
    assert_same(in_blocks(levels, how, block=block, halo=halo), decode(levels / np.float32(255), how))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_no_pixel_differs_in_a_large_image(in_blocks, method):
    how, maps = decoding_by(method), maps_of(drawn_labels(1024), method, noise=0.15)
    whole = decode(maps, how)
    assert whole.labels.max() > 300
    assert_same(in_blocks(maps, how, block=128, halo=32), whole)


def random_maps(rng):
    """[2, h, w] float32 or uint8: noise, smoothed or not, whose seeds and holes have any shape."""
    size, smooth = rng.integers(1, 90, 2), float(rng.choice([0, 1, 2, 4]))
    maps = rng.random((2, *size)).astype(np.float32)
    if smooth:
        maps = np.stack([cv2.GaussianBlur(one, (0, 0), smooth) for one in maps])
    maps -= maps.min(axis=(1, 2), keepdims=True)
    maps /= maps.max(axis=(1, 2), keepdims=True).clip(1e-6)
    return maps if rng.random() < 0.5 else np.rint(maps * 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(40))
def test_random_maps_with_blocks_of_any_size(in_blocks, monkeypatch, seed):
    """The halo may grow to the whole image here: noise has floods that run far."""
    monkeypatch.setattr(blocks, "WIDEST", 1000)
    rng = np.random.default_rng(seed)
    maps = random_maps(rng)
    for method in ("components", "distance", "border"):
        low, high = rng.choice([0.2, 0.4, 0.5, 0.6]), rng.choice([0.2, 0.4, 0.6, 0.75])
        how = Decoding(method, low, high, min_seed=int(rng.integers(1, 6)), min_area=int(rng.integers(1, 12)))
        whole = decode(maps / np.float32(255) if maps.dtype == np.uint8 else maps, how)
        assert_same(in_blocks(maps, how, block=int(rng.integers(5, 40)), halo=int(rng.integers(1, 20))), whole)


def test_without_a_halo_pixels_differ(in_blocks):
    """The control: a halo of 0 cannot grow either."""
    how, maps = decoding_by("distance"), maps_of(drawn_labels(512), "distance", noise=0.15)
    labels, _ = in_blocks(maps, how, block=128, halo=0)
    assert (labels != decode(maps, how).labels).sum() > 1000


def disc(shape, row, column, radius):
    """Distance map of a disc, [H, W] float32: 1 in its middle, 0 at its border and outside."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    return (1 - np.hypot(y - row, x - column) / radius).clip(0).astype(np.float32)


def planted(*discs, shape):
    """Foreground and distance of (row, column, radius); discs may touch."""
    distance = np.max([disc(shape, *one) for one in discs], axis=0)
    return np.stack([(distance > 0).astype(np.float32), distance])


@pytest.mark.parametrize(
    ("row", "column"),
    [(64, 64), (64, 32), (32, 64), (63, 63), (64 + 16, 64), (64 - 16, 40), (64 + 16, 64 + 16), (0, 64), (64, 127)],
)
def test_cells_on_every_kind_of_seam(in_blocks, row, column):
    maps = planted((row, column, 12), shape=(128, 128))
    labels, tally = in_blocks(maps, Decoding(), block=64, halo=16)
    assert (labels == (maps[0] > 0)).all()
    assert len(tally.areas) == 1
    pair = planted((row, column, 12), (row, column + 14, 11), (row + 15, column, 10), shape=(160, 160))
    assert_same(in_blocks(pair, Decoding(), block=64, halo=16), decode(pair, Decoding()))


def test_cells_larger_than_a_block(in_blocks):
    """The seeds of the large discs end 72 pixels before the rims: blocks on the rim see no seed in their first halo."""
    maps = planted((200, 190, 180), (210, 480, 140), (400, 350, 60), shape=(450, 640))
    whole = decode(maps, Decoding())
    assert whole.labels.max() == 3
    assert_same(in_blocks(maps, Decoding(), block=64, halo=16), whole)


def test_each_block_by_itself_would_cut_cells():
    """The control: labels of separate blocks are more than there are cells."""
    maps = planted((64, 64, 12), shape=(128, 128))
    parts = [maps[:, top : top + 64, left : left + 64] for top in (0, 64) for left in (0, 64)]
    assert sum(decode(part, Decoding()).labels.max() for part in parts) == 4


def frame(mask, top, left, bottom, right):
    mask[top:bottom, left:right] = 1
    mask[top + 3 : bottom - 3, left + 3 : right - 3] = 0


def test_holes_over_seams_are_filled_if_one_object_encloses_them(in_blocks):
    mask = np.zeros((96, 96), np.float32)
    frame(mask, 20, 20, 80, 80)  # its hole lies in nine blocks of 32
    frame(mask, 2, 25, 14, 40)  # its hole lies on an edge
    frame(mask, 28, 2, 37, 12)
    frame(mask, 84, 84, 96, 96)
    labels, tally = in_blocks(mask[None], PLAIN, block=32, halo=8)
    assert sorted(tally.areas) == [9 * 10, 12 * 12, 12 * 15, 60 * 60]
    assert (labels[20:80, 20:80] == labels[20, 20]).all()
    opened = mask.copy()
    opened[50, 70:80] = 0  # a way out of the large hole
    assert max(in_blocks(opened[None], PLAIN, block=32, halo=8)[1].areas) < 60 * 60 - 54 * 54
    island = mask.copy()
    island[60:64, 60:68] = 1  # another object in the hole: two objects touch it
    labels, tally = in_blocks(island[None], PLAIN, block=32, halo=8)
    assert (labels[40, 40], len(tally.areas)) == (0, 5)
    for maps in (mask, opened, island):
        assert_same(in_blocks(maps[None], PLAIN, block=32, halo=8), decode(maps[None], PLAIN))


def test_a_hole_in_an_object_that_fills_the_image(in_blocks):
    mask = np.ones((1, 40, 40), np.float32)
    mask[0, 14:20, 14:20] = 0
    labels, _ = in_blocks(mask, PLAIN, block=16, halo=4)
    assert (labels == 1).all()
    assert (decode(mask, PLAIN).labels == 1).all()


def test_whole_seeds_and_whole_objects_count(in_blocks):
    """A seed of 4 pixels and an object of 16 lie in four blocks."""
    probability, distance = np.zeros((2, 16, 16), np.float32)
    probability[6:10, 6:10], distance[7:9, 7:9] = 0.75, 0.9
    maps = np.stack([probability, distance])
    _, tally = in_blocks(maps, Decoding(min_seed=4, min_area=16), block=8, halo=2)
    assert (tally.areas.tolist(), tally.confidences.tolist()) == ([16], [0.75])
    for how in (Decoding(min_seed=5, min_area=16), Decoding(min_seed=4, min_area=17)):
        labels, tally = in_blocks(maps, how, block=8, halo=2)
        assert (labels.max(), len(tally.areas)) == (0, 0)


@pytest.mark.parametrize(("shape", "dtype"), [((20, 31), np.int32), ((20, 30), np.uint16)])
def test_labels_that_cannot_hold_the_result(tmp_path, shape, dtype):
    with pytest.raises(ValueError, match="int32 or uint32 are needed"):
        decode_blocks(np.zeros((2, 20, 30), np.uint8), Decoding(), np.zeros(shape, dtype), scratch=tmp_path)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [0, 255])
def test_images_that_are_empty_or_full(in_blocks, method, value):
    maps = np.full((2, 50, 70), value, np.uint8)
    how = decoding_by(method)
    assert_same(in_blocks(maps, how, block=32, halo=8), decode(maps / np.float32(255), how))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["components", "distance"])
def test_a_million_small_cells_in_bounded_memory(method, tmp_path):
    """Cells of 1 to 4 pixels, one per 3×3 pixels. The arrays of the whole image would take 9 MB per byte of a pixel."""
    side, count = 3000, 1000**2
    rng = np.random.default_rng(0)
    maps = np.memmap(tmp_path / "maps", np.uint8, "w+", shape=(2, side, side))
    tall, wide = rng.random((2, 1000, 1000)) < 0.5
    cells = np.zeros((1000, 3, 1000, 3), np.uint8)
    cells[:, 0, :, 0] = 255
    cells[:, 1, :, 0], cells[:, 0, :, 1], cells[:, 1, :, 1] = tall * 255, wide * 255, (tall & wide) * 255
    maps[:] = cells.reshape(side, side)
    labels = np.memmap(tmp_path / "labels", np.uint32, "w+", shape=(side, side))
    tracemalloc.start()
    tally = decode_blocks(maps, Decoding(method, min_seed=1, min_area=1), labels, scratch=tmp_path, block=256, halo=16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(tally.areas) == labels.max() == count
    assert (tally.areas == ((1 + tall) * (1 + wide)).ravel()).all()
    assert (np.diff(labels.reshape(1000, 3, 1000, 3)[0, 0, :, 0].astype(int)) == 1).all()  # raster order
    assert peak < 150e6


@pytest.mark.parametrize("turns", range(4))
def test_a_flood_from_the_pixel_just_beyond_the_halo(in_blocks, turns):
    """The middle block sees all but the first and the last pixel, and on one of these lies the seed that fills it."""
    ramp = np.concatenate([np.linspace(0.9, 0.1, 25), [0.3, 0.9, 0.9, 0.3, 0.2]])  # seeds: the first pixel, and two
    distance = np.tile(ramp, (3, 1)).astype(np.float32)
    maps = np.rot90(np.stack([np.ones((3, 30), np.float32), distance]), turns, axes=(1, 2))
    how = Decoding("distance", seed_threshold=0.88, min_seed=1)
    whole = decode(maps, how)
    assert whole.labels.max() == 2
    assert_same(in_blocks(np.ascontiguousarray(maps), how, block=10, halo=9), whole)
