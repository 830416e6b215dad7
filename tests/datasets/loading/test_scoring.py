"""Batches of images at native size: in the order of the set, and none is lost."""

import shutil

import pytest
import torch
from conftest import write_set

from datasets.folder.data_folder import list_folder
from datasets.loading import loaders
from datasets.samples import Samples
from images.image_reader import ImageReader
from images.normalise import IMAGENET
from tasks.binary import Binary

SIZES = [(32, 32), (32, 40), (64, 64), (32, 32), (32, 32), (32, 32), (32, 36)]


@pytest.fixture
def samples(tmp_path):
    root = tmp_path / "set"
    for number, size in enumerate(SIZES):
        write_set(tmp_path / "one", images=1, size=size)
        for folder in ("images", "masks/nucleus"):
            (root / folder).mkdir(parents=True, exist_ok=True)
            shutil.move(tmp_path / "one" / folder / "cell_00.png", root / folder / f"{number}.png")
    folder = list_folder(root, Binary)
    return Samples(folder.samples, ImageReader(), folder.task, size=None)


@pytest.mark.parametrize(("ranks", "lengths"), [(1, [2, 1, 3, 1]), (3, [2, 1, 1, 2, 1])])
def test_batches_keep_the_order_and_have_so_many_pixels(samples, monkeypatch, ranks, lengths):
    monkeypatch.setattr(loaders, "PIXELS_TOGETHER", 3 * 32 * 32)
    parts = [
        loaders.scoring_loader(samples, IMAGENET, batch_size=1, pin_memory=False, rank=rank, ranks=ranks)
        for rank in range(ranks)
    ]
    batches = [batch for part in parts for batch in part]
    assert [len(images) for images, _ in batches] == lengths
    assert sum(len(part.sampler) for part in parts) == len(SIZES)
    images = [image for group, _ in batches for image in group]
    targets = [target for _, group in batches for target in group]
    for size, index, image, target in zip(SIZES, range(len(SIZES)), images, targets, strict=True):
        assert (image.shape, target.shape) == ((1, 3, *size), (1, 1, *size))
        assert torch.equal(image[0], IMAGENET(samples[index][0]))
