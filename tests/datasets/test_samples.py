"""Splits, normalisation, augmentation and loaders: everything a function of (seed, epoch, sample)."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import train_test_split

from datasets.augment import Augmentation
from datasets.folder.data_folder import list_folder
from datasets.loading.loaders import EpochBatches, scoring_loader, training_loader
from datasets.samples import Samples
from datasets.split import random_split, read_split, select, split_to_csv
from images.image_reader import ImageReader
from images.normalise import IMAGENET, Normalisation, measure
from system.errors import ConfigError, DataError
from tasks.binary import Binary

ROOT = Path(__file__).resolve().parents[2]
IDS = [f"i{n}" for n in range(20)]


def test_the_classic_split_is_scikit_learns_on_sorted_ids():
    _, val = train_test_split(sorted(IDS), test_size=0.2, random_state=41)
    for order in (IDS, IDS[::-1]):
        split = random_split(order, val_fraction=0.2, seed=41)
        assert {i for i, part in split.items() if part == "val"} == set(val)
    assert random_split(IDS, val_fraction=0.2, seed=40) != split


def test_every_random_split_is_scikit_learns():
    rng = np.random.default_rng(0)
    for _ in range(300):
        count, fraction, seed = int(rng.integers(2, 200)), float(rng.uniform(0.01, 0.99)), int(rng.integers(2**32))
        ids = [f"{number:03d}" for number in range(count)]
        try:
            train, val = train_test_split(ids, test_size=fraction, random_state=seed)
        except ValueError:
            with pytest.raises(DataError, match="no training images would be left"):
                random_split(ids, val_fraction=fraction, seed=seed)
            continue
        found = random_split(ids, val_fraction=fraction, seed=seed)
        assert found == dict.fromkeys(train, "train") | dict.fromkeys(val, "val")


def test_a_split_file_is_what_a_run_writes(tmp_path):
    split = random_split(IDS, val_fraction=0.3, seed=1)
    path = tmp_path / "split.csv"
    path.write_text(split_to_csv(split))
    assert read_split(path, IDS) == split
    path.write_text("id,split\ni1,train\ni2,val\n")
    assert read_split(path, IDS) == {"i1": "train", "i2": "val"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id,part\ni1,train\n", "has the columns id,split"),
        ("id,split\n", "at least one row"),
        ("id,split\ni1,rest\n", "line 2: split 'rest'; allowed are train, val, test"),
        ("id,split\ni1,train\ni99,val\n", "line 3: id 'i99' has no image"),
        ("id,split\ni1,train\ni1,val\n", "line 3: id 'i1' is named twice"),
        ("id,split\ni1,train\n", "no image is assigned to val"),
        ("id,split\ni1,val\n", "no image is assigned to train"),
    ],
)
def test_split_files_that_are_refused(tmp_path, text, told):
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(DataError, match=told):
        read_split(tmp_path / "s.csv", IDS)


def test_no_training_images_left():
    with pytest.raises(DataError, match="no training images would be left"):
        random_split(["only"], val_fraction=0.2, seed=0)


def test_normalisation_is_measured_over_all_pixels():
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (n, 7, 3), np.uint8) for n in (3, 9)]
    measured = measure(images)
    pixels = np.concatenate([image.reshape(-1, 3) for image in images]) / 255
    assert measured.mean == pytest.approx(tuple(pixels.mean(0)))
    assert measured.std == pytest.approx(tuple(pixels.std(0)))
    tensor = measured(images[0])
    assert (tensor.dtype, tuple(tensor.shape)) == (torch.float32, (3, 3, 7))
    expected = (images[0] / 255 - pixels.mean(0)) / pixels.std(0)
    np.testing.assert_allclose(tensor.numpy().transpose(1, 2, 0), expected, atol=1e-5)
    assert Normalisation.from_dict(measured.to_dict()) == measured


def test_a_constant_channel_is_not_divided_by_zero():
    image = np.full((4, 4, 3), 9, np.uint8)
    assert torch.isfinite(measure([image])(image)).all()


def test_augmentation_is_a_function_of_its_seed():
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 256, (16, 16, 3), np.uint8), rng.integers(0, 2, (16, 16, 2), np.uint8)
    first, second = Augmentation(square=True), Augmentation(square=True)
    second(image, mask, seed=99)  # what was drawn before does not matter
    for seed in range(20):
        for a, b in zip(first(image, mask, seed=seed), second(image, mask, seed=seed), strict=True):
            assert (a == b).all()
    assert len({first(image, mask, seed=seed)[1].tobytes() for seed in range(200)}) == 8  # flips × turns, all of them


def test_augmentation_moves_image_and_mask_alike():
    mask = np.zeros((16, 16, 1), np.uint8)
    mask[2:7, 3:5] = 1
    image = np.repeat(mask * 200, 3, axis=2)
    for seed in range(30):
        changed, moved = Augmentation(square=True)(image, mask, seed=seed)
        assert set(np.unique(moved)) == {0, 1}
        assert changed[moved[..., 0] == 1].min() > changed[moved[..., 0] == 0].max()


def test_samples_that_are_not_square_keep_their_shape():
    augment, image = Augmentation(square=False), np.zeros((8, 12, 3), np.uint8)
    assert {augment(image, image[..., :1], seed=seed)[0].shape for seed in range(20)} == {(8, 12, 3)}


@pytest.mark.parametrize(("count", "sizes"), [(8, [4, 4]), (10, [4, 4, 2]), (9, [4, 5]), (3, [3]), (1, [1])])
def test_every_sample_once_per_epoch_and_no_batch_of_one(count, sizes):
    batches = EpochBatches(count, 4, seed=1)
    orders = []
    for epoch in (1, 2, 1):
        batches.epoch = epoch
        drawn = list(batches)
        assert [len(batch) for batch in drawn] == sizes
        assert len(batches) == len(sizes)
        assert sorted(index for batch in drawn for _, index in batch) == list(range(count))
        assert {key[0] for batch in drawn for key in batch} == {epoch}
        orders.append([index for batch in drawn for _, index in batch])
    assert orders[0] == orders[2]
    if count > 3:
        assert orders[0] != orders[1]


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("count", [24, 26, 31, 36])
def test_the_ranks_together_see_the_batches_of_one(count, ranks):
    alone = EpochBatches(count, 12, seed=1)
    own = [EpochBatches(count, 12, seed=1, rank=rank, ranks=ranks) for rank in range(ranks)]
    for batches in (alone, *own):
        batches.epoch = 5
    joined = [[key for share in shares for key in share] for shares in zip(*own, strict=True)]
    assert [key for batch in joined for key in batch] == [key for batch in alone for key in batch]
    assert joined[0] == next(iter(alone))
    for number, batch in enumerate(joined):
        shares = [len(batches.batch(number)) for batches in own]
        assert min(shares) >= 2
        assert max(shares) - min(shares) <= 1
        # the mean over the ranks of weighted means is the mean over the images
        weights = [batches.micro_batches(number)[1] for batches in own]
        assert [weight * len(batch) / ranks for weight in weights] == pytest.approx(shares)


@pytest.mark.parametrize(
    ("count", "batch_size", "ranks", "accumulate", "sizes"),
    [
        (10, 4, 2, 1, [4, 6]),
        (9, 4, 2, 1, [4, 5]),
        (11, 4, 1, 2, [4, 7]),
        (12, 4, 2, 2, [4, 4, 4]),
        (9, 2, 2, 1, [2, 2, 2, 3]),
    ],
)
def test_no_part_of_a_batch_is_a_single_sample_unless_all_are(count, batch_size, ranks, accumulate, sizes):
    own = [EpochBatches(count, batch_size, seed=0, rank=r, ranks=ranks, accumulate=accumulate) for r in range(ranks)]
    assert [sum(map(len, shares)) for shares in zip(*own, strict=True)] == sizes


@pytest.mark.parametrize("count", [10, 17, 19, 531])
def test_the_parts_of_a_batch_do_not_depend_on_who_has_them(count):
    cut = {}
    for ranks, accumulate in ((1, 6), (2, 3), (3, 2), (6, 1)):
        own = [EpochBatches(count, count, seed=0, rank=r, ranks=ranks, accumulate=accumulate) for r in range(ranks)]
        cut[ranks] = [length for batches in own for length in batches.micro_batches(0)[0]]
        assert [sum(batches.micro_batches(0)[0]) for batches in own] == [len(batches.batch(0)) for batches in own]
    assert cut[1] == cut[2] == cut[3] == cut[6]
    assert sum(cut[1]) == count
    assert max(cut[1]) - min(cut[1]) <= 1


@pytest.mark.slow
def test_albumentations_is_imported_without_its_client_of_a_hub():
    code = (
        "import sys\nfrom datasets.augment import albumentations\nlibrary = albumentations()\nassert library.D4\n"
        "assert not library.core.hub_mixin.is_huggingface_hub_available\n"
        "assert sys.modules.get('huggingface_hub', 'absent') is not None"  # whoever needs it can import it
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)  # another test may have imported it already


def test_fewer_samples_than_parts_are_refused():
    with pytest.raises(ConfigError, match=r"3 samples for 2 processes × train\.accumulate 2"):
        EpochBatches(3, 16, seed=0, ranks=2, accumulate=2)


def batches_of(root, workers, epoch, crop=None, crops_per_image=1):
    folder = list_folder(root, Binary)
    samples = Samples(folder.samples, ImageReader(), folder.task, size=None if crop else (32, 32))
    sampling = {"augment": True, "crop": crop, "crops_per_image": crops_per_image}
    loader = training_loader(samples, IMAGENET, seed=3, batch_size=4, workers=workers, pin_memory=False, **sampling)
    loader.batch_sampler.epoch = epoch
    return list(loader)


@pytest.mark.slow
def test_the_number_of_workers_changes_nothing_and_the_epoch_everything(small_set):
    for geometry in ({}, {"crop": (16, 16), "crops_per_image": 2}):
        alone, helped, later = (batches_of(small_set, w, e, **geometry) for w, e in ((0, 1), (2, 1), (0, 2)))
        torch.testing.assert_close(alone, helped, rtol=0, atol=0)
        assert not torch.equal(alone[0][0], later[0][0])


def test_several_windows_of_an_image_differ(small_set):
    batches = batches_of(small_set, 0, 1, crop=(16, 16), crops_per_image=3)
    images = torch.cat([images for images, _ in batches])
    assert images.shape == (30, 3, 16, 16)
    assert len({image.numpy().tobytes() for image in images}) == 30


def test_scoring_keeps_the_order_and_drops_nothing(small_set):
    folder = list_folder(small_set, Binary)
    samples = Samples(folder.samples, ImageReader(), folder.task, size=(16, 16))
    batches = list(scoring_loader(samples, IMAGENET, batch_size=4, pin_memory=False))
    assert [len(images) for images, _ in batches] == [4, 4, 2]
    torch.testing.assert_close(torch.cat([images for images, _ in batches])[7], IMAGENET(samples[7][0]))
    assert torch.cat([target for _, target in batches]).unique().tolist() == [0, 1]


@pytest.mark.parametrize("ranks", [2, 3, 12])
def test_the_ranks_together_score_every_sample_once_in_order(small_set, ranks):
    folder = list_folder(small_set, Binary)
    samples = Samples(folder.samples, ImageReader(), folder.task, size=(16, 16))
    loaders = [
        scoring_loader(samples, IMAGENET, batch_size=2, pin_memory=False, rank=r, ranks=ranks) for r in range(ranks)
    ]
    images = torch.cat([images for loader in loaders for images, _ in loader])
    torch.testing.assert_close(images, torch.stack([IMAGENET(samples[i][0]) for i in range(10)]), rtol=0, atol=0)


def test_select_keeps_the_order(small_set):
    samples = list_folder(small_set, Binary).samples
    split = {"cell_04": "train", "cell_01": "train", "cell_02": "val"}
    assert [s.id for s in select(samples, split, "train")] == ["cell_01", "cell_04"]
    assert [s.id for s in select(samples, split, "all")] == ["cell_01", "cell_02", "cell_04"]
