"""predict.py measures cells by default; a rerun with other options does what is missing, or is refused."""

import cv2
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from skimage.measure import regionprops_table
from support.measured_maps import PIXEL_SIZES, write_image

import predict
import train

pytestmark = pytest.mark.slow


@pytest.fixture
def predicted(run_main, small_config, small_set, tmp_path):
    """Returns a function that predicts with a short run, and the folder of the results."""
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for number, path in enumerate(sorted((small_set / "images").iterdir())[:3]):
        pixels = cv2.imread(str(path))[..., :1].astype(np.uint16) * 200
        write_image(photos / f"={number}.tif", pixels, list(PIXEL_SIZES)[number])
    assert run_main(train, "--config", small_config, "train.epochs=10")[0] == 0
    arguments = ("--run", tmp_path / "outputs" / "small", "--input", photos, "--out", out)
    return lambda *more: run_main(predict, *arguments, *more), out


def test_cells_are_measured_in_pixels_as_read(predicted, tmp_path):
    run, out = predicted
    code, text, err = run()
    assert code == 0, err
    found = pd.read_csv(out / "cells.csv")
    assert len(found) >= 3
    assert f"cells   {len(found)} in 3 images" in text
    for number in range(3):
        own = found[found["image"] == f"'={number}"]
        labels, pixels = (
            tifffile.imread(folder / f"={number}.tif") for folder in (out / "labels", tmp_path / "photos")
        )
        properties = ("label", "area", "perimeter", "solidity", "intensity_mean", "intensity_max", "intensity_std")
        for name, values in regionprops_table(labels, pixels, properties=properties).items():
            np.testing.assert_allclose(own[f"{name}-0" if name.startswith("intensity") else name], values, rtol=1e-9)
        height, width = list(PIXEL_SIZES.values())[number]
        np.testing.assert_allclose(own["area_um2"], own["area"] * height * width)
    assert found["intensity_max-0"].max() > 255  # 16 bits, not stretched
    images = pd.read_csv(out / "images.csv")
    assert images["pixel_size_from"].tolist() == list(PIXEL_SIZES)
    areas = [32 * 32 * height * width * 1e-6 for height, width in PIXEL_SIZES.values()]
    np.testing.assert_allclose(images["cells_per_mm2"], images["cells"] / areas)


def test_a_folder_without_measurements_is_completed(predicted):
    run, out = predicted
    code, text, err = run("--no-measure")
    assert code == 0, err
    assert not (out / "cells.csv").exists()
    assert not (out / "cells").exists()
    counts = (out / "images.csv").read_bytes()
    before = {path: path.read_bytes() for path in out.rglob("*.tif")}
    code, text, err = run("--measure")
    assert code == 0, err
    assert "3, of which 0 are done already" in text
    assert len(pd.read_csv(out / "cells.csv")) == pd.read_csv(out / "images.csv")["cells"].sum()
    assert (out / "images.csv").read_bytes() == counts
    assert {path: path.read_bytes() for path in out.rglob("*.tif")} == before
    for option in ("--measure", "--no-measure"):
        assert "3, of which 3 are done already" in run(option)[1]
    assert (out / "cells.csv").exists()


def test_another_pixel_size_is_refused(predicted):
    run, out = predicted
    assert run("--pixel-size", "2")[0] == 0
    assert yaml.safe_load((out / "prediction.yaml").read_text())["pixel_size"] == 2
    found = pd.read_csv(out / "cells.csv")
    np.testing.assert_allclose(found["area_um2"], found["area"] * 4)
    for more in ((), ("--pixel-size", "3")):
        code, _, err = run(*more)
        assert code == 2
        assert "choose another --out" in err
    code, _, err = run("--pixel-size", "nan")
    assert code == 2
    assert "--pixel-size nan: give the side of a pixel in µm" in err


def test_a_task_without_cells_cannot_be_measured(run_main, small_config, small_set, tmp_path):
    (small_set / "masks" / "nucleus").rename(small_set / "masks" / "a")
    (small_set / "masks" / "b").symlink_to("a")
    assert run_main(train, "--config", small_config, "task=multilabel")[0] == 0
    arguments = ("--run", tmp_path / "outputs" / "small", "--input", small_set / "images", "--out", tmp_path / "out")
    code, _, err = run_main(predict, *arguments, "--measure")
    assert code == 2
    assert "masks but no cells" in err
    code, _, err = run_main(predict, *arguments)
    assert code == 0, err
    with (tmp_path / "out" / "images.csv").open() as table:
        assert next(table) == "image,height,width,warnings\n"
    assert not (tmp_path / "out" / "cells.csv").exists()
