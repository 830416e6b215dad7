"""Changes of whole batches: OpenCV's colours, albumentations' light, and the distribution of single samples."""

import albumentations as A
import cv2
import numpy as np
import pytest
import torch

from datasets import batch_augment
from datasets.batch_augment import BRIGHTNESS, CONTRAST, HUE, SATURATION, VALUE, BatchAugmentation, shift_hsv
from datasets.folder.data_folder import list_folder
from datasets.loading.device_loader import DeviceLoader
from datasets.loading.loaders import training_loader
from datasets.samples import Samples
from images.image_reader import ImageReader
from images.normalise import Normalisation
from tasks.binary import Binary

DRAWS = 3000


def picture(side=32, channels=3):
    return np.random.default_rng(0).integers(0, 256, (side, side, channels), dtype=np.uint8)


def batch(image):
    return torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float()


@pytest.mark.parametrize(
    "shifts", [(13, 0, 0), (-20, 0, 0), (0, 30, 0), (0, -30, 0), (0, 0, 20), (7, -9, -20), (7.4, 2, 1), (-0.5, 0, 0)]
)
def test_colours_are_shifted_as_albumentations_does_with_opencv(shifts):
    limits = {key: (float(s), float(s)) for key, s in zip(("hue", "sat", "val"), shifts, strict=True)}
    library = A.HueSaturationValue(**{f"{key}_shift_limit": limit for key, limit in limits.items()}, p=1)
    expected = batch(library(image=picture())["image"])
    ours = shift_hsv(batch(picture()), *(torch.tensor(float(shift)) for shift in shifts))
    # OpenCV computes in fixed point: where it rounds the other way, a hue of 1/180 turn is 8.5 grey levels.
    difference = (ours - expected).abs()
    assert (difference > 0).float().mean() < 0.1
    assert difference.mean() < 0.2
    assert difference.max() <= 10


def test_grey_pixels_stay_grey():
    grey = torch.full((1, 3, 4, 4), 90.0)
    shifted = shift_hsv(grey, torch.tensor(20.0), torch.tensor(30.0), torch.tensor(5.0))
    assert (shifted == 95).all()


def numbers_for(contrast, brightness):
    """Of a sample that is neither flipped nor turned and whose light changes by these shares of the limits."""
    return np.array([[0, 0, 0.9, (contrast + 1) / 2, (brightness + 1) / 2, 0.5]])


@pytest.mark.parametrize(("contrast", "brightness"), [(0.5, -0.5), (-0.65, 0.35), (0, 1), (1, 0)])
def test_brightness_and_contrast_are_those_of_albumentations(contrast, brightness):
    augment = BatchAugmentation(square=True)
    numbers = numbers_for(contrast, brightness)
    assert augment.symmetries(numbers).tolist() == [0]
    ours = augment.change(batch(picture()), torch.from_numpy(augment.colour_changes(numbers)))
    limits = {"contrast_limit": (CONTRAST * contrast,) * 2, "brightness_limit": (BRIGHTNESS * brightness,) * 2}
    expected = batch(A.RandomBrightnessContrast(**limits, p=1)(image=picture())["image"])
    difference = (ours - expected).abs()
    assert difference.max() <= 1  # where a product is a whole number but for its last bit
    assert (difference > 0).float().mean() < 0.01


def test_the_limits_are_the_library_s_defaults():
    hue, light = A.HueSaturationValue(), A.RandomBrightnessContrast()
    assert (hue.hue_shift_limit, hue.sat_shift_limit, hue.val_shift_limit) == (
        (-HUE, HUE),
        (-SATURATION, SATURATION),
        (-VALUE, VALUE),
    )
    assert (light.brightness_limit, light.contrast_limit) == ((-BRIGHTNESS, BRIGHTNESS), (-CONTRAST, CONTRAST))


def test_every_symmetry_is_equally_likely_and_oblong_samples_are_only_flipped():
    numbers = np.zeros((800, BatchAugmentation.NUMBERS))
    numbers[:, 0] = np.arange(800) / 800
    assert np.bincount(BatchAugmentation(square=True).symmetries(numbers)).tolist() == [100] * 8
    assert np.bincount(BatchAugmentation(square=False).symmetries(numbers)).tolist() == [200] * 4


def draws_of(root, *, on_device, channels):
    """[DRAWS, channels, 6, 6] grey levels: windows of one image of 8×7, through the loader of a training."""
    folder = list_folder(root, Binary)
    samples = Samples(folder.samples[:1], ImageReader(channels=channels), folder.task, size=None)
    plain = Normalisation(mean=(0.0,) * channels, std=(1 / 255,) * channels)  # leaves the grey levels as they are
    sampling = {"augment": True, "crop": (6, 6), "crops_per_image": DRAWS, "seed": 3, "batch_size": 500}
    loader = training_loader(samples, plain, **sampling, workers=0, pin_memory=False, on_device=on_device)
    assert isinstance(loader, DeviceLoader) == on_device
    return torch.cat([images for images, _ in loader]).numpy().round(3)


@pytest.fixture
def one_image(tmp_path):
    rng = np.random.default_rng(1)
    for folder, array in {
        "images": rng.integers(60, 145, (8, 7, 3), dtype=np.uint8),
        "masks": np.eye(8, 7, dtype=np.uint8) * 255,
    }.items():
        (tmp_path / folder).mkdir()
        assert cv2.imwrite(str(tmp_path / folder / "a.png"), array)
    return tmp_path


def statistics_of(levels):
    """What depends on light and colour, and what depends on window, flips and turns."""
    flat = levels.reshape(*levels.shape[:2], -1)
    corner, edge = flat[..., 0], flat[..., :6].mean(-1) - flat[..., -6:].mean(-1)
    return [*flat.mean(-1).T, *flat.std(-1).T, *corner.T, *edge.T]


def lowest_p(theirs, ours):
    from scipy.stats import ks_2samp  # takes two seconds to import

    return min(ks_2samp(a, b).pvalue for a, b in zip(statistics_of(theirs), statistics_of(ours), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 3])
def test_the_distribution_is_that_of_single_samples(one_image, channels, monkeypatch):
    theirs = draws_of(one_image, on_device=False, channels=channels)
    ours = draws_of(one_image, on_device=True, channels=channels)
    assert not np.array_equal(theirs, ours)  # not the same draws
    assert lowest_p(theirs, ours) > 1e-3
    # Negative control: two thirds of the contrast, or no turns, are seen.
    monkeypatch.setattr(batch_augment, "CONTRAST", CONTRAST * 2 / 3)
    assert lowest_p(theirs, draws_of(one_image, on_device=True, channels=channels)) < 1e-3
    monkeypatch.setattr(batch_augment, "CONTRAST", CONTRAST)
    monkeypatch.setattr(BatchAugmentation, "symmetries", lambda self, numbers: np.zeros(len(numbers), np.int64))
    assert lowest_p(theirs, draws_of(one_image, on_device=True, channels=channels)) < 1e-3


@pytest.mark.slow
def test_as_many_samples_keep_their_look(one_image):
    image = cv2.imread(str(one_image / "images" / "a.png"))[..., ::-1]
    windows = [image[y : y + 6, x : x + 6].reshape(-1, 3) for y in range(3) for x in range(2)]
    levels = {np.sort(window, axis=0).tobytes() for window in windows}
    shares = []
    for on_device in (False, True):
        draws = draws_of(one_image, on_device=on_device, channels=3).astype(np.uint8)
        pixels = np.sort(draws.reshape(DRAWS, 3, -1).transpose(0, 2, 1), axis=1)
        shares.append(np.mean([each.tobytes() in levels for each in pixels]))
    assert shares == pytest.approx([0.33, 0.33], abs=0.04)
