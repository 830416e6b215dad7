"""The first pass over the data of a training: each file is decoded once, and a resume decodes none."""

import cv2
import numpy as np
import pytest
import tifffile

import datasets.sample_memory
from datasets.earlier_start import EarlierStart
from datasets.split import SplitRule
from datasets.survey import load_training_data
from images import reading
from images.image_reader import ImageReader
from images.normalise import IMAGENET
from images.resize import resize_image
from system.errors import FileError
from tasks.binary import Binary

CHOICES = {"normalise": "dataset", "rule": SplitRule(val_fraction=0.5, seed=0)}


@pytest.fixture
def decoded(monkeypatch):
    """The names of all files that are decoded, in any thread."""
    names, decode = [], reading._decode

    def counted(data, name, *arguments, **keywords):
        names.append(name)
        return decode(data, name, *arguments, **keywords)

    monkeypatch.setattr(reading, "_decode", counted)
    return names


def images_of(kind, root):
    """Turns the images of `small_set` into those of another kind."""
    for number, path in enumerate(sorted((root / "images").iterdir())):
        image = cv2.imread(str(path))
        grey = image[..., 0]
        if kind == "grey" or (kind == "mixed, grey first" and number < 9) or (kind == "mixed" and number % 2):
            cv2.imwrite(str(path), grey)
        elif kind == "colours are equal":
            cv2.imwrite(str(path), np.repeat(grey[..., None], 3, axis=2))
        elif kind == "16 bit":
            cv2.imwrite(str(path), grey.astype(np.uint16) * (200 + number))
        elif kind == "stains":
            path.unlink()
            stains = np.stack([grey, 255 - grey, image[..., 1], image[..., 2], grey // 2]).astype(np.uint16) * 9
            tifffile.imwrite(path.with_suffix(".tif"), stains, photometric="minisblack", metadata={"axes": "CYX"})
    return root


KINDS = ("colour", "grey", "mixed", "mixed, grey first", "colours are equal", "16 bit", "stains")


def plainly(data, intensity):
    """What the training data must be, computed anew from the files by the plainest way: reader and normalisation."""
    paths = [sample.image for sample in data.train.samples]
    files = [reading.read_image(path) for path in paths]
    counts = {image.shape[2] for image in files}
    coloured = any((image != image[..., :1]).any() for image in files if image.shape[2] == 3)
    channels = counts.pop() if not counts <= {1, 3} else 3 if coloured else 1
    limits = None
    if intensity == "run":
        stained = channels not in (1, 3)
        groups = [[image[..., [c]] for image in files] for c in range(channels)] if stained else [files]
        drawn = [np.concatenate([image.reshape(-1) for image in group]) for group in groups]  # all: they are small
        limits = [tuple(np.percentile(values.astype(np.float32), (0.1, 99.9)).tolist()) for values in drawn]
        limits = tuple(limits) if stained else limits[0]
    reader = ImageReader(channels, intensity, limits)
    pixels = np.concatenate(
        [resize_image(reader.read(path), (16, 16)).reshape(-1, channels).astype(np.int64) for path in paths]
    )
    mean = pixels.sum(0) / len(pixels)
    deviation = np.sqrt((pixels**2).sum(0) / len(pixels) - mean**2)
    return reader, (mean / 255).tolist(), (deviation / 255).tolist()


@pytest.mark.parametrize("intensity", ["native", "image", "run"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_file_is_decoded_once_and_the_numbers_are_those_of_the_files(small_set, decoded, kind, intensity):
    images_of(kind, small_set)
    data = load_training_data(small_set, Binary, size=(16, 16), intensity=intensity, **CHOICES)
    files = [path for path in small_set.rglob("*.*") if path.is_file()]
    looked_at = 10  # files of the truth are few here, so all are decoded once more to recognise them
    assert sorted(decoded) == sorted(map(str, files + [path for path in files if "masks" in path.parts]))
    assert len(decoded) == len(files) + looked_at
    expected, mean, std = plainly(data, intensity)
    assert data.reader == expected
    assert (list(data.normalise.mean), list(data.normalise.std)) == (mean, std)
    decoded.clear()
    assert all(data.train[i] and data.val[i] for i in range(5))
    assert decoded == []


def test_imagenet_s_statistics_are_taken_as_they_are(small_set):
    assert load_training_data(small_set, Binary, size=None, **CHOICES | {"normalise": "imagenet"}).normalise == IMAGENET


@pytest.mark.parametrize("kind", ["grey", "16 bit"])
def test_what_does_not_fit_is_decoded_again(small_set, decoded, monkeypatch, kind):
    images_of(kind, small_set)
    whole = load_training_data(small_set, Binary, size=None, intensity="run", **CHOICES)
    decoded.clear()
    monkeypatch.setattr(datasets.sample_memory, "free_share", lambda share: 0)
    again = load_training_data(small_set, Binary, size=None, intensity="run", **CHOICES)
    assert [again.train.in_memory, again.val.in_memory] == [0, 0]
    assert sum("images" in name for name in decoded) > 10
    assert (again.reader, again.normalise) == (whole.reader, whole.normalise)
    for part, same in ((whole.train, again.train), (whole.val, again.val)):
        assert all((one == other).all() for i in range(5) for one, other in zip(part[i], same[i], strict=True))


@pytest.mark.parametrize(("kept", "told"), [(10, False), (4, True)])
def test_samples_that_do_not_fit_into_memory_are_told(small_set, monkeypatch, tmp_path, kept, told):
    one = 16 * 16 * 4 + 1  # bytes of a colour image, its mask and the mark that they are there
    monkeypatch.setattr(datasets.sample_memory, "free_share", lambda share: kept * one)
    data = load_training_data(small_set, Binary, size=(16, 16), channels=3, **CHOICES)
    assert data.train.in_memory + data.val.in_memory == kept
    assert ("6 do not fit into memory and are read again in every epoch" in data.description) == told
    data = load_training_data(small_set, Binary, size=(16, 16), channels=3, cache=tmp_path / "kept", **CHOICES)
    assert (f"6 do not fit into memory and are kept in {tmp_path / 'kept'}" in data.description) == told
    for part in (data.train, data.val):  # of samples that threads decoded at once, some had seen room for them
        assert all(part[i] for i in range(5))
    assert len(list((tmp_path / "kept").rglob("*/*"))) == 10 - kept


@pytest.fixture
def begun(small_set):
    """A data folder and what its first start leaves in the checkpoint, as a later process reads it."""

    def load(**changes):
        return load_training_data(small_set, Binary, **{"size": None, "intensity": "run", **CHOICES, **changes})

    data = load()
    state = {
        "data": data.found.digest,
        "reader": data.reader.to_dict(),
        "normalisation": data.normalise.to_dict(),
        "samples": data.found.to_dict(),
    }
    return load, data, state


def test_a_resume_decodes_nothing_before_a_sample_is_needed(begun, decoded):
    load, data, state = begun
    again = load(earlier=EarlierStart.of_checkpoint(state))
    assert decoded == []
    assert (again.reader, again.normalise, again.split) == (data.reader, data.normalise, data.split)
    assert again.description == data.description
    assert {part: counts.tolist() for part, counts in again.pixels.items()} == state["samples"]["pixels"]
    assert [again.val.size_of(i) for i in range(5)] == [data.val.size_of(i) for i in range(5)]
    assert again.train.target_channels == 1
    assert decoded == []
    for part, same in ((again.train, data.train), (again.val, data.val)):
        for _ in range(2):
            assert all((one == other).all() for i in range(5) for one, other in zip(part[i], same[i], strict=True))
    assert len(decoded) == len(set(decoded)) == 20


@pytest.mark.parametrize(
    "change",
    [
        {"data": "0" * 32},
        {"samples": None},
        {"samples": {}},
        {"reader": {}},
        {"normalisation": 3},
        {"samples": {"kind": "masks", "sizes": {"train": 3}}},
    ],
)
def test_another_or_an_older_checkpoint_is_no_shortcut(begun, decoded, change):
    load, data, state = begun
    again = load(earlier=EarlierStart.of_checkpoint(state | change))
    assert len(decoded) == 30
    assert again.found.to_dict()["pixels"] == data.found.to_dict()["pixels"]


def test_an_edited_folder_is_read_anew(begun, small_set, decoded):
    load, data, state = begun
    (small_set / "images" / "cell_03.png").unlink()
    (small_set / "masks" / "nucleus" / "cell_03.png").unlink()
    again = load(earlier=EarlierStart.of_checkpoint(state))
    assert len(again.split) == 9
    assert again.found.digest != data.found.digest
    (small_set / "images" / "cell_04.png").unlink()
    with pytest.raises(FileError, match="no image"):
        load(earlier=EarlierStart.of_checkpoint(state))


def test_an_image_that_has_got_another_size_is_refused(begun, small_set):
    load, _, state = begun
    again = load(earlier=EarlierStart.of_checkpoint(state))
    for path in (again.train.samples[0].image, *again.train.samples[0].truth):
        cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    with pytest.raises(FileError, match=r"4×4 pixels .* began with 32×32"):
        again.train[0]
