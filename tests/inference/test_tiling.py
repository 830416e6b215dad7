"""Tiles: they cover the image, blend to one, and agree with a network that sees everything at once."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from inference import tiling
from inference.tiling import TiledModel, blending_weights, pad_to_tile, predict_strips, tile_starts, usual_overlap
from models.unet import UNet


@pytest.mark.parametrize("length", [16, 17, 28, 29, 40, 100])
@pytest.mark.parametrize("overlap", [0, 4, 15])
def test_tiles_cover_an_axis_with_the_overlap_asked_for(length, overlap):
    starts = tile_starts(length, 16, overlap)
    assert starts[0] == 0
    assert starts[-1] == length - 16
    steps = [b - a for a, b in pairwise(starts)]
    assert all(1 <= step <= 16 - overlap for step in steps)
    assert len(starts) == 1 + -(-(length - 16) // (16 - overlap))


class Local(nn.Module):
    """A network of two 3×3 convolutions: exact two pixels away from a border."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))

    def forward(self, images):
        assert images.shape[-2:] == (16, 20), "tiles of the training's size only"
        return self.layers(images)


@pytest.mark.parametrize("size", [(16, 20), (30, 47), (64, 64), (17, 20)])
@torch.inference_mode()
def test_a_pointwise_network_is_exact_at_any_size(size):
    layer = nn.Conv2d(2, 3, 1)
    image = torch.randn(1, 2, *size)
    torch.testing.assert_close(TiledModel(layer, tile=(16, 20), overlap=5)(image), layer(image))


@torch.inference_mode()
def test_borders_of_tiles_weigh_little():
    model, image = Local(), torch.randn(1, 2, 50, 70)
    whole = model.layers(image)
    errors = [
        (TiledModel(model, tile=(16, 20), overlap=overlap)(image) - whole)[..., 2:-2, 2:-2].abs().mean().item()
        for overlap in (0, 8)
    ]
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (33, 3)])
@torch.inference_mode()
def test_images_smaller_than_a_tile(size):
    model = TiledModel(Local(), tile=(16, 20), overlap=4).eval()
    assert model(torch.randn(1, 2, *size)).shape == (1, 3, *size)


def test_padding_mirrors():
    image = torch.arange(3.0).reshape(1, 1, 3)
    assert pad_to_tile(image, (2, 8)).tolist() == [[[0, 1, 2, 2, 1, 0, 0, 1]] * 2]


@pytest.mark.parametrize(("length", "overlap"), [(10, 3), (17, 3), (40, 5), (41, 9)])
def test_weights_are_flat_inside_fall_to_the_ends_and_sum_to_one(length, overlap):
    total = torch.zeros(length)
    for start, weights in blending_weights(length, 10, overlap):
        assert weights.min() > 0
        total[start : start + 10] += weights
    torch.testing.assert_close(total, torch.ones(length))


def test_weights_of_two_tiles():
    (_, first), (start, second) = blending_weights(13, 8, 3)
    assert start == 5
    assert first.tolist() == pytest.approx([1, 1, 1, 1, 1, 0.75, 0.5, 0.25])
    assert second.tolist() == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1, 1, 1])


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (33, 3), (16, 20), (50, 70), (47, 20)])
@torch.inference_mode()
def test_strips_are_the_image_from_top_to_bottom_prepared_some_tiles_at_a_time(size):
    image = torch.randint(0, 256, (2, *size), dtype=torch.uint8)
    seen = []

    def prepare(tiles):
        seen.append(tiles)
        return tiles / 255

    layer = nn.Conv2d(2, 3, 1)
    strips = list(predict_strips(layer, image, tile=(16, 20), overlap=5, device="cpu", prepare=prepare))
    torch.testing.assert_close(torch.cat(strips, dim=1), layer(image[None] / 255)[0])
    assert len(strips) == len(tile_starts(max(size[0], 16), 16, 5))
    assert {(tiles.dtype, tiles.shape[1:]) for tiles in seen} == {(torch.uint8, (2, 16, 20))}
    assert sum(map(len, seen)) == len(strips) * len(tile_starts(max(size[1], 20), 20, 5))


class Rows:
    """A source of rows that notes what it is asked for."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.asked = pixels, pixels.shape, []

    def rows(self, top, bottom):
        self.asked.append((top, bottom))
        return self.pixels[top:bottom]


@pytest.mark.parametrize("size", [(1, 1), (5, 70), (33, 3), (16, 20), (50, 70), (47, 20), (100, 30)])
@pytest.mark.parametrize("overlap", [0, 5, 14])
@torch.inference_mode()
def test_a_source_of_rows_gives_the_same_bits_as_a_tensor(size, overlap):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 2)).astype(np.uint8)
    pixels.flags.writeable = False  # as those of a file are
    source = Rows(pixels)
    model, how = TiledModel(Local(), tile=(16, 20), overlap=overlap), {"device": "cpu", "prepare": lambda t: t / 255}
    expected = list(model.strips(torch.tensor(pixels).permute(2, 0, 1), **how))
    found = list(model.strips(source, **how))
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))
    asked = source.asked
    assert (asked[0][0], asked[-1][1]) == (0, size[0])
    assert all(before[1] == after[0] for before, after in pairwise(asked))  # each row once, in order
    assert max(bottom - top for top, bottom in asked) <= 16


SIZES = [(16, 20), (50, 70), (16, 20), (5, 33), (30, 47)]  # in the first and the third, a single tile


@torch.inference_mode()
def test_a_list_gives_what_strips_give_for_each_image():
    model = TiledModel(Local(), tile=(16, 20), overlap=5).eval()
    images = [torch.randn(1, 2, *size) for size in SIZES]
    for found, image in zip(model(images), images, strict=True):
        torch.testing.assert_close(found[0], torch.cat(list(model.strips(image[0], device="cpu")), dim=1))


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@torch.inference_mode()
def test_the_logits_of_an_image_do_not_depend_on_the_images_beside_it(precision, monkeypatch):
    """So ranks, which have other images beside each other, count the same pixels."""
    monkeypatch.setattr(tiling, "PIXELS_PER_BATCH_ON_CPU", 4 * 16 * 20)
    torch.manual_seed(0)
    model = TiledModel(UNet(filters=(4, 8), input_channels=2), tile=(16, 20), overlap=5).eval()
    images = [torch.randn(1, 2, *size) for size in SIZES]
    with torch.autocast("cpu", precision, enabled=precision != torch.float32):
        together, pairs = model(images), model(images[:2]) + model(images[2:])
        alone = [model([image])[0] for image in images]
    for one, other, single in zip(together, pairs, alone, strict=True):
        assert torch.equal(one, other)
        assert torch.equal(one, single)


@torch.inference_mode()
def test_tiles_of_several_images_share_batches(monkeypatch):
    monkeypatch.setattr(tiling, "PIXELS_PER_BATCH_ON_CPU", 4 * 16 * 20)
    seen, layer = [], nn.Conv2d(2, 3, 1)
    layer.register_forward_pre_hook(lambda module, given: seen.append(len(given[0])))
    TiledModel(layer, tile=(16, 20), overlap=0)([torch.randn(1, 2, 32, 20) for _ in range(5)])
    assert seen == [3, 3, 4]  # ten tiles
    seen.clear()
    TiledModel(layer, tile=(16, 20), overlap=0)([torch.randn(1, 2, 16, 20)])
    assert seen == [2]  # twice the same tile, because kernels may compute a single one differently


def test_the_usual_overlap_is_a_quarter_of_the_shorter_side():
    assert [usual_overlap(tile) for tile in ((128, 128), (96, 64), (64, 96), (7, 9))] == [32, 16, 16, 1]
