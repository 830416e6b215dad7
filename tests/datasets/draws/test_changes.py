"""Random changes for images from elsewhere: what they do to image and target, and what they leave alone."""

import numpy as np
import pytest

from datasets.augment import Augmentation
from datasets.draws.changes import Changes, look_transforms, shape_transforms
from engine.schema.augment import DEFAULTS, AugmentConfig

VALUES = AugmentConfig.model_validate(dict.fromkeys(DEFAULTS, True)).values()
CERTAIN = {name: value if isinstance(value, tuple) else 1.0 for name, value in VALUES.items()}
LOOKS = sorted(CERTAIN.keys() - {"scale", "elastic"})
COLOUR = ("stain", "grey")


def picture(channels, *, grey=False):
    rng = np.random.default_rng(1)
    image = rng.integers(30, 226, (32, 32, channels), np.uint8)
    return np.repeat(image[..., :1], channels, axis=2) if grey else image


def test_every_key_is_a_change():
    assert set(VALUES) == set(DEFAULTS) == set(Changes.__dataclass_fields__)


def test_without_further_changes_nothing_is_drawn_differently():
    image, mask = picture(3), np.zeros((32, 32, 1), np.uint8)
    plain, empty = Augmentation(square=True), Augmentation(square=True, more=Changes())
    for seed in range(10):
        assert (plain(image, mask, seed=seed)[0] == empty(image, mask, seed=seed)[0]).all()


@pytest.mark.parametrize("name", sorted(CERTAIN.keys() - {"scale"}))
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_a_change_is_a_function_of_its_seed_for_any_channels(name, channels):
    if name in COLOUR and channels != 3:
        pytest.skip("this change needs RGB")
    image, mask = picture(channels), (picture(1) > 128).astype(np.uint8)
    more, colour = Changes(**{name: CERTAIN[name]}), channels == 3
    first, second = (Augmentation(square=True, colour=colour, more=more) for _ in range(2))
    second(image, mask, seed=99)
    for seed in range(5):
        changed, moved = first(image, mask, seed=seed)
        assert changed.shape == image.shape
        assert changed.dtype == np.uint8
        assert moved.shape == mask.shape
        assert set(np.unique(moved)) <= {0, 1}
        for one, other in zip((changed, moved), second(image, mask, seed=seed), strict=True):
            assert (one == other).all()


@pytest.mark.parametrize("name", LOOKS)
def test_a_change_of_the_look_is_seen_and_the_target_is_not_touched(name):
    import albumentations as A

    image = picture(3, grey=name == "invert")
    mask = picture(1)
    transform = A.Compose(look_transforms(Changes(**{name: CERTAIN[name]}), colour=True), seed=1)
    changed = transform(image=image, mask=mask)
    assert (changed["image"] != image).mean() > 0.3
    assert (changed["mask"] == mask).all()


def test_grey_has_no_colour_and_an_inversion_swaps_dark_and_bright():
    import albumentations as A

    changed = A.Compose(look_transforms(Changes(grey=1.0), colour=True))(image=picture(3))["image"]
    assert (changed == changed[..., :1]).all()
    grey = picture(3, grey=True)
    assert (A.Compose(look_transforms(Changes(invert=1.0), colour=True))(image=grey)["image"] == 255 - grey).all()


@pytest.mark.parametrize("name", ["stain", "invert"])
def test_some_changes_depend_on_whether_there_is_colour(name):
    import albumentations as A

    transform = A.Compose(look_transforms(Changes(**{name: 1.0}), colour=True), seed=3)
    unchanged = [(transform(image=image)["image"] == image).all() for image in (picture(3), picture(3, grey=True))]
    assert unchanged == ([False, True] if name == "stain" else [True, False])


def test_noise_leaves_grey_images_grey():
    import albumentations as A

    changed = A.Compose(look_transforms(Changes(noise=1.0), colour=True))(image=picture(3, grey=True))["image"]
    assert (changed == changed[..., :1]).all()


def test_a_deformation_shifts_by_two_pixels():
    import albumentations as A

    ramp = np.tile(np.arange(128, dtype=np.uint8), (128, 1))[..., None]
    transform = A.Compose(shape_transforms(Changes(elastic=1.0)), seed=1)
    shifts = [(transform(image=ramp)["image"].astype(float) - ramp)[20:-20, 20:-20] for _ in range(40)]
    assert np.std(shifts) == pytest.approx(2, rel=0.1)


def test_a_deformation_moves_image_and_target_alike():
    y, x = np.mgrid[:63, :63]
    mask = ((y - 31) ** 2 + (x - 31) ** 2 < 18**2).astype(np.uint8)[..., None]  # flips do not change it
    image = np.repeat(mask * 200, 3, axis=2)
    augment = Augmentation(square=False, more=Changes(elastic=1.0))
    with_target, with_the_old_one = [], []
    for seed in range(10):
        changed, moved = augment(image, mask, seed=seed)
        grey = changed.mean(axis=2)
        bright = grey > (grey.min() + grey.max()) / 2
        for found, target in ((with_target, moved), (with_the_old_one, mask)):
            found.append((bright & (target[..., 0] == 1)).sum() / (bright | (target[..., 0] == 1)).sum())
    assert min(with_target) > 0.96
    assert np.mean(with_the_old_one) < 0.9


@pytest.mark.parametrize("name", COLOUR)
def test_colour_changes_need_colours(name):
    assert Changes(**{name: 0.5}).needing_colour == [name]
    assert not Changes(blur=0.5).needing_colour
    with pytest.raises(AssertionError):
        look_transforms(Changes(**{name: 0.5}), colour=False)
