"""The ready model of this repository: small, licensed, and at home with files and stains of many kinds."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from datasets.prepare.drawing import make_sample
from saved_run import load_run

MODEL = Path(__file__).resolve().parents[2] / "pretrained" / "nuclei"
BACKGROUND, NUCLEUS = np.array([236, 214, 232]), np.array([108, 66, 148])  # of haematoxylin and eosin
WHITE = 150  # grey value of a drawn nucleus; brighter ones are clipped


@pytest.fixture(scope="module")
def predictor():
    return load_run(MODEL)


def drawn(kind):
    """An image of drawn nuclei, and how many it has."""
    image, labels = make_sample(7, 3, size=256)
    grey = image[..., 0]
    if kind == "stained":
        share = np.clip(grey / WHITE, 0, 1)[..., None]
        image = (BACKGROUND * (1 - share) + NUCLEUS * share).astype(np.uint8)
    elif "grey" in kind:
        image = grey
    if "16" in kind:
        image = image.astype(np.uint16) * 200 + 900
    return image, labels.max()


def test_it_is_small_and_says_what_it_is():
    assert (MODEL / "weights.pth").stat().st_size <= 10_000_000
    card = (MODEL / "MODEL.md").read_text(encoding="utf-8")
    assert "CC0-1.0" in card
    assert "pretrained/nuclei" in card


def test_it_has_few_parameters(predictor):
    assert sum(weight.numel() for weight in predictor.model.parameters()) <= 2_400_000


@pytest.mark.parametrize("kind", ["grey", "grey 16", "rgb", "rgb 16", "stained"])
def test_it_counts_drawn_nuclei_in_files_of_any_kind(predictor, tmp_path, kind):
    image, nuclei = drawn(kind)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="rgb" if image.ndim == 3 else "minisblack")
    found = predictor.cells(tmp_path / "a.tif").labels.max()
    assert abs(found - nuclei) <= 0.2 * nuclei


def test_it_finds_nothing_where_there_is_nothing(predictor):
    noise = np.random.default_rng(0).normal(30, 2, (256, 256)).astype(np.uint8)
    blank = np.full((256, 256), 30, np.uint8)
    assert predictor.cells(blank).labels.max() == 0
    assert predictor.cells(noise).labels.max() <= 10
