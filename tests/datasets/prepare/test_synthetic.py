import hashlib
import sys

import cv2
import numpy as np
import pytest
import yaml

from benchmarks.scores.otsu import otsu_iou
from datasets.prepare.drawing import make_sample
from datasets.prepare.synthetic import main, write_synthetic
from system.errors import ConfigError, run_script


@pytest.fixture(scope="module")
def samples():
    """The default set."""
    return [make_sample(0, index) for index in range(80)]


def grow(mask, pixels):
    side = 2 * pixels + 1
    return cv2.dilate(mask.astype(np.uint8), np.ones((side, side), np.uint8)) > 0


def touching_pairs(labels):
    """Pairs of different ids in pixels that share an edge."""
    pairs = set()
    for one, other in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        meet = (one != other) & (one > 0) & (other > 0)
        pairs |= {(min(a, b), max(a, b)) for a, b in zip(one[meet].tolist(), other[meet].tolist(), strict=True)}
    return pairs


def bright_elsewhere(image, labels):
    """Pixels more than 3 pixels away from every nucleus and brighter than the image's median nucleus."""
    grey = image[..., 0]
    nuclei = [np.median(grey[labels == i]) for i in range(1, labels.max() + 1)]
    return np.count_nonzero(grey[~grow(labels > 0, 3)] > np.median(nuclei))


def stands_out(grey, labels, instance):
    """Whether a nucleus' median lies two deviations of the pixels around it above their median."""
    own = labels == instance
    around = grow(own, 6) & ~grow(labels > 0, 2)
    if np.count_nonzero(around) < 20:
        return True  # in the middle of a clump there is no background to compare with
    middle = np.median(grey[around])
    deviation = 1.4826 * np.median(np.abs(grey[around] - middle))  # of a normal distribution, blind to a few specks
    return np.median(grey[own]) > middle + 2 * deviation


def test_a_sample_depends_on_seed_and_index_alone():
    first = make_sample(3, 5)
    np.random.default_rng().random()
    again = make_sample(3, 5)
    assert first.image.tobytes() == again.image.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    for other in (make_sample(3, 6), make_sample(4, 5), make_sample(5, 3)):
        assert not np.array_equal(first.image, other.image)
        assert not np.array_equal(first.labels, other.labels)


def test_the_order_of_drawing_changes_nothing(samples):
    for index in (7, 2, 11, 0):
        assert np.array_equal(make_sample(0, index).image, samples[index].image)


def test_number_and_place_of_writing_change_nothing(tmp_path, monkeypatch):
    for name, images in (("one", 2), ("two", 3)):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        write_synthetic(tmp_path / name / "set", images=images, size=48)
    sums = [(tmp_path / name / "set" / "SHA256SUMS").read_text().splitlines() for name in ("one", "two")]
    assert len(sums[0]) == 2 * 3
    assert set(sums[0]) < set(sums[1])


@pytest.mark.parametrize("size", [32, 128, 200])
def test_shapes_and_types(size):
    image, labels = make_sample(0, 1, size=size)
    assert (image.shape, image.dtype) == ((size, size, 3), np.uint8)
    assert (labels.shape, labels.dtype) == ((size, size), np.uint16)
    assert (image == image[..., :1]).all()
    assert labels.max() >= 1


def test_ids_are_consecutive_and_each_nucleus_is_one_piece(samples):
    for _, labels in samples:
        ids = np.unique(labels)
        assert ids.tolist() == list(range(len(ids)))
        for instance in ids[1:]:
            pieces = cv2.connectedComponents((labels == instance).astype(np.uint8), connectivity=4)[0] - 1
            assert pieces == 1


def test_number_and_size_of_the_nuclei(samples):
    counts = np.array([labels.max() for _, labels in samples])
    assert np.mean((counts >= 10) & (counts <= 25)) > 0.9
    assert 1 <= np.count_nonzero(counts < 4) <= 8, "a few images are nearly empty"
    areas = np.concatenate([np.bincount(labels.ravel())[1:] for _, labels in samples])
    diameters = 2 * np.sqrt(areas / np.pi)  # of the circle with the same area
    assert np.mean((diameters >= 8) & (diameters <= 24)) > 0.95
    assert np.percentile(diameters, 90) > 1.5 * np.percentile(diameters, 10)


def test_nuclei_touch(samples):
    apart = np.zeros((9, 9), np.uint16)
    apart[1:4, 1:4], apart[1:4, 5:8] = 1, 2
    assert touching_pairs(apart) == set()
    apart[1:4, 4] = 2
    assert touching_pairs(apart) == {(1, 2)}
    assert sum(bool(touching_pairs(labels)) for _, labels in samples) > 60


def test_debris_outshines_nuclei(samples):
    with_debris = sum(bright_elsewhere(image, labels) > 0 for image, labels in samples)
    assert with_debris > 40


def test_debris_is_what_outshines_them(monkeypatch):
    monkeypatch.setattr("datasets.prepare.drawing._draw_debris", lambda rng, size: np.zeros((size, size), np.float32))
    clean = [make_sample(0, index) for index in range(20)]
    assert sum(bright_elsewhere(image, labels) > 0 for image, labels in clean) <= 4


def test_even_dim_nuclei_stand_out_from_what_is_around_them(samples):
    def share(shift):
        seen = [
            stands_out(image[..., 0].astype(float), np.roll(labels, shift, axis=(0, 1)), i)
            for image, labels in samples[:20]
            for i in range(1, labels.max() + 1)
        ]
        return np.mean(seen)

    assert share((0, 0)) > 0.95
    assert share((64, 64)) < 0.7, "labels laid over the wrong place"


def test_a_threshold_does_not_solve_it(samples):
    clean = [((labels > 0).astype(np.uint8) * 255, labels > 0) for _, labels in samples]
    assert otsu_iou(clean) == 1.0
    iou = otsu_iou((image[..., 0], labels > 0) for image, labels in samples)
    assert 0.3 < iou < 0.8


def test_the_written_folder(tmp_path):
    out = tmp_path / "deep" / "set"
    objects = write_synthetic(out, images=3, size=64, seed=9)
    names = [f"synthetic_{index:03d}.png" for index in range(3)]
    for folder in ("images", "masks/nucleus", "labels"):
        assert sorted(path.name for path in (out / folder).iterdir()) == names
    assert sorted(path.name for path in out.iterdir()) == ["SHA256SUMS", "dataset.yaml", "images", "labels", "masks"]
    total = 0
    for index, name in enumerate(names):
        image, labels = make_sample(9, index, size=64)
        mask = cv2.imread(str(out / "masks" / "nucleus" / name), cv2.IMREAD_UNCHANGED)
        stored = cv2.imread(str(out / "labels" / name), cv2.IMREAD_UNCHANGED)
        assert (mask.dtype, stored.dtype) == (np.uint8, np.uint16)
        assert set(np.unique(mask)) == {0, 255}
        assert np.array_equal(stored, labels)
        assert np.array_equal(mask > 0, stored > 0)
        assert np.array_equal(cv2.imread(str(out / "images" / name), cv2.IMREAD_UNCHANGED), image)
        total += int(stored.max())
    about = yaml.safe_load((out / "dataset.yaml").read_text())
    assert (about["classes"], about["licence"]) == (["nucleus"], "CC0-1.0")
    expected = {"images": 3, "objects": total, "size": 64, "seed": 9}
    assert {key: about["notes"][key] for key in expected} == expected
    assert objects == total


def test_two_stains_overlap_and_share_nothing(tmp_path):
    objects = write_synthetic(tmp_path / "set", images=3, size=64, seed=2, classes=2)
    about = yaml.safe_load((tmp_path / "set" / "dataset.yaml").read_text())
    assert (about["classes"], about["notes"]["objects"]) == (["red", "green"], objects)
    assert not (tmp_path / "set" / "labels").exists()
    both = 0
    for index in range(3):
        name = f"synthetic_{index:03d}.png"
        image = cv2.imread(str(tmp_path / "set" / "images" / name))[..., ::-1]
        drawn = [make_sample(2, index, size=64, stain=stain) for stain in (0, 1)]
        masks = [cv2.imread(str(tmp_path / "set" / "masks" / label / name), 0) > 0 for label in ("red", "green")]
        for channel in (0, 1):
            assert np.array_equal(image[..., channel], drawn[channel].image[..., channel])
            assert np.array_equal(masks[channel], drawn[channel].labels > 0)
        assert not image[..., 2].any()
        assert not np.array_equal(*masks)
        both += np.count_nonzero(masks[0] & masks[1])
    assert both > 50


def test_the_digests_are_those_of_the_files(tmp_path):
    write_synthetic(tmp_path / "set", images=1, size=32)
    lines = (tmp_path / "set" / "SHA256SUMS").read_text().splitlines()
    assert len(lines) == 3
    for line in lines:
        digest, name = line.split("  ")
        assert hashlib.sha256((tmp_path / "set" / name).read_bytes()).hexdigest() == digest


def test_a_used_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigError, match="exists already"):
        write_synthetic(tmp_path, images=1, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def command(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["synthetic", *map(str, words)])
    return run_script(main)


def test_command_line(tmp_path, monkeypatch, capsys):
    out = tmp_path / "set"
    assert command(monkeypatch, "--out", out, "--images", 2, "--size", 40, "--seed", 1) == 0
    objects = sum(int(make_sample(1, index, size=40).labels.max()) for index in range(2))
    assert capsys.readouterr().out == f"2 images with {objects} nuclei written to {out}\n"
    assert len(list((out / "images").iterdir())) == 2
    assert command(monkeypatch, "--out", out) == 2
    assert "delete it, or choose another --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--images", 0, "1 or more"),
        ("--size", 31, "32 to 2048"),
        ("--size", 2049, "32 to 2048"),
        ("--seed", -1, "0 or"),
        ("--classes", 3, "two stains whose nuclei overlap"),
    ],
)
def test_numbers_out_of_range_are_refused(tmp_path, monkeypatch, capsys, option, value, allowed):
    assert command(monkeypatch, "--out", tmp_path / "set", option, value) == 2
    message = capsys.readouterr().err
    assert f"{option} is {value}" in message
    assert allowed in message
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_error_itself(tmp_path, monkeypatch):
    with pytest.raises(ConfigError):
        command(monkeypatch, "--out", tmp_path / "set", "--images", 0, "--debug")
