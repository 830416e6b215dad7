"""`--channels` takes channels of files that have more than the run reads: their results are those of grey images."""

import cv2
import numpy as np
import pytest
import tifffile
import yaml

import predict
import val

pytestmark = pytest.mark.slow


def stained(root, images=2, *, bare=False):
    """A data folder of images with two channels, of which the second is the image in `root`/grey; and label maps."""
    rng = np.random.default_rng(0)
    for folder in ("set/images", "set/labels", "grey"):
        (root / folder).mkdir(parents=True)
    for index in range(images):
        first, second = rng.integers(0, 255, (2, 40, 40), np.uint8)
        labels = np.zeros((40, 40), np.uint8)
        labels[5:20, 5:20], labels[25:35, 10:30] = 1, 2
        known = {"metadata": None} if bare else {"metadata": {"axes": "CYX", "Channel": {"Name": ["DAPI", "GFP"]}}}
        channels = np.stack([first, second])
        tifffile.imwrite(root / f"set/images/i{index}.tif", channels, ome=not bare, photometric="minisblack", **known)
        assert cv2.imwrite(str(root / f"set/labels/i{index}.png"), labels)
        assert cv2.imwrite(str(root / f"grey/i{index}.png"), second)
    return root / "set"


@pytest.mark.parametrize(("given", "bare"), [("[1]", False), ("[GFP]", False), ("[1]", True)])
def test_the_results_are_those_of_grey_images(nuclei, run_main, tmp_path, given, bare):
    images = stained(tmp_path, bare=bare) / "images"
    call = lambda source, out, *more: run_main(
        predict, "--run", nuclei, "--input", source, "--out", tmp_path / out, "--no-report", *more
    )
    assert call(tmp_path / "grey", "of_grey")[0] == 0
    code, _, err = call(images, "chosen", "--channels", given)
    assert code == 0, err
    code, _, err = call(images, "other", "--channels", "[0]")
    assert code == 0, err
    masks = [
        [cv2.imread(str(path), 0).tolist() for path in sorted((tmp_path / out / "masks").rglob("*.png"))]
        for out in ("of_grey", "chosen", "other")
    ]
    assert len(masks[0]) == 2
    assert masks[0] == masks[1] != masks[2]
    noted = [yaml.safe_load((tmp_path / out / "prediction.yaml").read_text()) for out in ("of_grey", "chosen")]
    assert "channels" not in noted[0]
    assert noted[1]["channels"] == yaml.safe_load(given)
    code, _, err = call(images, "chosen", "--channels", "[0]")
    assert (code, "choose another --out" in err) == (2, True)


def test_a_reason_that_all_images_share_is_printed_once(nuclei, run_main, tmp_path):
    images = stained(tmp_path, images=3) / "images"
    code, _, err = run_main(predict, "--run", nuclei, "--input", images, "--out", tmp_path / "out", "--no-report")
    assert code == 3
    assert "3 of 3 images could not be used, all for one reason:" in err
    assert err.count("2 channels, but the run reads grey and RGB images; take one of them as grey") == 1
    assert cv2.imwrite(str(images / "grey.png"), np.full((9, 9), 3, np.uint8))
    code, _, err = run_main(predict, "--run", nuclei, "--input", images, "--out", tmp_path / "out", "--no-report")
    assert code == 3
    assert "3 of 4 images could not be used:" in err
    assert err.count("2 channels, but the run reads grey and RGB images") == 3  # now their names say which


def test_another_data_folder_is_scored_with_chosen_channels(nuclei, run_main, tmp_path):
    root = stained(tmp_path)
    code, _, err = run_main(val, "--run", nuclei, "--data", root, "--no-report", "--channels", "[1]")
    assert code == 0, err
    summary = (tmp_path / "outputs" / "nuclei_on_set" / "all" / "summary.json").read_text(encoding="utf-8")
    assert "--channels '[1]'" in summary
    code, _, err = run_main(val, "--run", nuclei, "--data", root, "--no-report", "--channels", "[0, 1]")
    assert (code, "2 channels, but the run reads grey and RGB images; choose 1 or 3" in err) == (2, True)
    code, _, err = run_main(val, "--run", nuclei, "--channels", "[1]")
    assert (code, "--channels is for --data" in err) == (2, True)
