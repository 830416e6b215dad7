"""predict.py and `load_run` predict any image without masks, and list the images that cannot be used."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import write_set

import predict
import train
import val
from models import fold_batch_norm
from saved_run import load_run

CROP = pytest.param("data={root: ROOT, crop: 32, overlap: 8}", marks=pytest.mark.slow)


@pytest.fixture(params=["data.size=32", CROP], ids=["size", "crop"])
def run(request, run_main, small_config, small_set, tmp_path):
    """The folder of a short run of each geometry."""
    change = request.param.replace("ROOT", str(small_set))
    code, _, err = run_main(train, "--config", small_config, change, "train.epochs=4", "model.filters=[8, 8, 16]")
    assert code == 0, err
    return tmp_path / "outputs" / "small"


def photos(folder):
    """Images of all kinds; returns {stem: (height, width)}."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    kinds = {
        "grey.png": rng.integers(0, 255, (37, 51), np.uint8),
        "rgba.png": rng.integers(0, 255, (16, 90, 4), np.uint8),
        "deep.tif": rng.integers(0, 60000, (65, 33), np.uint16),
        "colour.bmp": rng.integers(0, 255, (100, 20, 3), np.uint8),
        "one.png": np.full((1, 1), 200, np.uint8),
        "sub/photo.jpg": rng.integers(0, 255, (48, 48, 3), np.uint8),
    }
    for name, array in kinds.items():
        (folder / name).parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(folder / name), array)
    return {name.split("/")[-1].split(".")[0]: array.shape[:2] for name, array in kinds.items()}


def test_a_mixed_folder_with_a_broken_file(run, run_main, tmp_path):
    sizes = photos(tmp_path / "photos")
    (tmp_path / "photos" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (tmp_path / "photos" / "notes.txt").write_text("no image")
    arguments = ("--run", run, "--input", tmp_path / "photos", "--out", tmp_path / "photos" / "out")
    code, out, err = run_main(predict, *arguments)
    assert code == 3
    assert "1 of 7 images could not be used" in err
    assert "broken.png" in err
    out = tmp_path / "photos" / "out"
    for kind in ("masks/nucleus", "overlays"):
        written = {path.stem: cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (out / kind).rglob("*.png")}
        assert (out / kind / "sub" / "photo.png").exists()
        assert {stem: array.shape[:2] for stem, array in written.items()} == sizes
        if kind != "overlays":
            assert all(set(np.unique(array)) <= {0, 255} for array in written.values())
    stamps = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    (out / "masks" / "nucleus" / "grey.png").unlink()
    code, text, _ = run_main(predict, *arguments)  # a rerun does what is missing
    assert code == 3
    assert "7, of which 5 are done already" in text
    changed = {path.stem for path, stamp in stamps.items() if path.stat().st_mtime_ns != stamp}
    assert changed == {"grey"}


def test_prediction_and_validation_write_the_same_masks(run, run_main, small_set, tmp_path):
    assert run_main(val, "--run", run, "--split", "all")[0] == 0
    assert run_main(predict, "--run", run, "--input", small_set / "images", "--out", tmp_path / "out")[0] == 0
    predicted = sorted((tmp_path / "out" / "masks" / "nucleus").iterdir())
    assert len(predicted) == 10
    assert any(cv2.imread(str(path), 0).any() for path in predicted)
    for path in predicted:
        assert path.read_bytes() == (run / "all" / "masks" / "nucleus" / path.name).read_bytes()


def test_arrays_through_the_python_door(run, small_set):
    predictor = load_run(run)
    image = cv2.imread(str(small_set / "images" / "cell_00.png"))[..., ::-1]
    masks = predictor(image)
    assert list(masks) == ["nucleus"]
    assert (masks["nucleus"].shape, masks["nucleus"].dtype) == ((32, 32), bool)
    truth = cv2.imread(str(small_set / "masks" / "nucleus" / "cell_00.png"), 0) > 0
    found = masks["nucleus"]
    assert (truth & found).sum() / (truth | found).sum() > 0.5
    assert (predictor(np.dstack([image, image[..., :1]]))["nucleus"] == found).all()  # alpha is dropped
    assert predictor(image[..., 0])["nucleus"].shape == (32, 32)
    assert predictor(image[:20, :, 0].astype(np.float64))["nucleus"].shape == (20, 32)
    assert predictor(image, threshold=0.999)["nucleus"].sum() <= found.sum()
    for wrong in (image[..., :2], np.zeros((0, 3)), np.zeros(5)):
        with pytest.raises(ValueError, match="is expected"):
            predictor(wrong)
    with pytest.raises(ValueError, match="NaN"):
        predictor(np.full((8, 8), np.nan))


def test_the_lines_of_the_reference(run):
    reference = Path(__file__).resolve().parents[2] / "docs" / "reference.md"
    (block,) = re.findall(r"```python\n(.+?)```", reference.read_text(encoding="utf-8"), re.DOTALL)
    names = {"image": np.zeros((20, 30), np.uint8)}
    exec(block.replace("outputs/demo", str(run)), names)
    assert names["masks"]["nucleus"].shape == (20, 30)


def test_grey_runs_take_colour_and_colour_runs_take_grey(run_main, small_config, small_set, tmp_path):
    for channels in (1, 3):
        changes = [f"data.channels={channels}", f"name=c{channels}"]
        assert run_main(train, "--config", small_config, *changes)[0] == 0
        predictor = load_run(tmp_path / "outputs" / f"c{channels}")
        assert predictor.reader.channels == channels
        for image in (np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.uint16)):
            assert predictor(image)["nucleus"].shape == (9, 9)


def test_auto_channels_are_one_without_colour(run_main, small_config, tmp_path):
    root = write_set(tmp_path / "inputs" / "grey")
    for path in (root / "images").iterdir():
        cv2.imwrite(str(path), np.dstack([cv2.imread(str(path), 0)] * 3))  # stored as RGB, and yet grey
    code, out, _ = run_main(train, "--config", small_config, f"data.root={root}")
    assert code == 0
    assert "read as grey" in out
    assert load_run(tmp_path / "outputs" / "small").reader.channels == 1


def test_colliding_ids_are_refused_before_any_work(tmp_path, run_main):
    photos(tmp_path / "p")
    cv2.imwrite(str(tmp_path / "p" / "grey.tif"), np.zeros((4, 4), np.uint8))
    code, _, err = run_main(predict, "--run", tmp_path / "none", "--input", tmp_path / "p", "--out", tmp_path / "out")
    assert code == 2
    assert "grey.png and" in err
    assert not (tmp_path / "out").exists()


def plate(folder):
    """Two wells with an image of the same name each, and an image beside the wells."""
    for number, name in enumerate(("A01/i0", "B01/i0", "overview")):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), np.full((8 + number, 9), 100, np.uint8))
    return folder


def results(out, suffix=".png"):
    """The paths of all results below `out`, without the extension."""
    return {path.relative_to(out).with_suffix("").as_posix() for path in out.rglob(f"*{suffix}")}


def test_images_of_one_name_keep_their_folders(run, run_main, tmp_path):
    out = tmp_path / "out"
    words = ("--run", run, "--input", plate(tmp_path / "plate"), "--out", out)
    code, text, err = run_main(predict, *words)
    assert code == 0, err
    assert results(out) == {
        f"{kind}/{name}" for kind in ("masks/nucleus", "overlays") for name in ("A01/i0", "B01/i0", "overview")
    }
    assert cv2.imread(str(out / "masks/nucleus/A01/i0.png"), 0).shape == (8, 9)
    assert cv2.imread(str(out / "masks/nucleus/B01/i0.png"), 0).shape == (9, 9)
    assert [row.split(",")[0] for row in (out / "sources.csv").read_text().splitlines()] == [
        "A01/i0",
        "B01/i0",
        "overview",
    ]
    assert "skipped" not in text
    (out / "overlays/B01/i0.png").unlink()
    code, text, _ = run_main(predict, *words)  # a rerun does what is missing
    assert (code, "3, of which 2 are done already" in text) == (0, True)


def test_results_of_a_version_that_named_them_by_the_stem_are_not_mixed(run, run_main, tmp_path):
    root, out = plate(tmp_path / "plate"), tmp_path / "out"
    words = ("--run", run, "--out", out, "--input")
    assert run_main(predict, *words, root / "A01/i0.png", root / "overview.png")[0] == 0  # named i0 and overview
    code, _, err = run_main(predict, *words, root)
    assert code == 2
    assert "A01/i0.png as i0, which would now be A01/i0 (1 image)" in err
    assert run_main(predict, *words, root / "overview.png")[0] == 0  # the control: its name is the same
    assert not (out / "masks/nucleus/A01").exists()


def test_what_is_no_image_is_counted_at_the_end(run, run_main, tmp_path):
    root = plate(tmp_path / "plate")
    (root / "A01/notes.txt").write_text("no image")
    (root / "Thumbs.db").write_text("a companion")
    code, text, err = run_main(predict, "--run", run, "--input", root, "--out", tmp_path / "out")
    assert code == 0, err
    assert text.splitlines()[-1] == "skipped 1 file that is no image: notes.txt"


def test_formats_that_are_not_read_make_the_exit_code_3(run, run_main, tmp_path):
    root = plate(tmp_path / "plate")
    (root / "A01/old.oib").write_bytes(b"?")
    (root / "B01/new.czi").write_bytes(b"?")
    code, _, err = run_main(predict, "--run", run, "--input", root, "--out", tmp_path / "out")
    assert code == 3
    assert "2 of 5 images could not be used" in err
    assert "old.oib: an Olympus OIB file, a format that is not read; convert it to OME-TIFF" in err
    assert "new.czi: not a readable image" in err
    assert len(results(tmp_path / "out")) == 6  # the others are done


def test_an_image_whose_name_cannot_name_results_ends_no_batch(run, run_main, tmp_path):
    root, out = plate(tmp_path / "plate"), tmp_path / "out"
    (root / "B01/i0.png").rename(root / "B01/i\n0.png")
    (root / "overview.png").rename(root / f"{'o' * 230}.png")
    code, _, err = run_main(predict, "--run", run, "--input", root, "--out", out)
    assert code == 3
    assert "2 of 3 images could not be used" in err
    assert "i\\n0.png: its name cannot name results" in err
    assert "230 bytes" in err
    assert results(out) == {"masks/nucleus/A01/i0", "overlays/A01/i0"}


def test_results_of_another_run_or_threshold_are_not_mixed(run, run_main, tmp_path):
    photos(tmp_path / "p")
    arguments = ("--run", run, "--input", tmp_path / "p", "--out", tmp_path / "out")
    assert run_main(predict, *arguments)[0] == 0
    assert yaml.safe_load((tmp_path / "out" / "prediction.yaml").read_text())["threshold"] == 0.5
    code, _, err = run_main(predict, *arguments, "--threshold", "0.3")
    assert code == 2
    assert "choose another --out" in err


def test_a_missing_run_ends_with_3_and_writes_nothing(run_main, tmp_path):
    photos(tmp_path / "p")
    code, _, err = run_main(predict, "--run", tmp_path / "none", "--input", tmp_path / "p", "--out", tmp_path / "out")
    assert code == 3
    assert "no such run folder" in err
    assert not (tmp_path / "out").exists()


def test_masks_of_the_folded_network_are_those_of_the_network(run, small_set):
    predictor = load_run(run)
    image = predictor.reader.read(small_set / "images" / "cell_00.png")
    folded = predictor.masks(image)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in predictor.folded.modules())
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in predictor.model.modules())
    predictor.__dict__["folded"] = predictor.model
    assert (predictor.masks(image) != folded).mean() < 1e-3
    predictor.__dict__["folded"] = lowered = fold_batch_norm(predictor.model)
    next(module for module in lowered.modules() if hasattr(module, "final")).final.bias.data.sub_(100)
    assert folded.any()
    assert not predictor.masks(image).any()  # masks do come from there


def test_unet_plus_plus_pruned(run_main, small_config, small_set, tmp_path):
    change = ["model={name: NestedUNet, filters: [4, 4, 8], deep_supervision: true}"]
    code, _, err = run_main(train, "--config", small_config, *change)
    assert code == 0, err
    arguments = ["--run", tmp_path / "outputs" / "small", "--input", small_set / "images", "--out", tmp_path / "masks"]
    code, _, err = run_main(predict, *arguments, "--depth", 1)
    assert code == 0, err
    assert len(list((tmp_path / "masks" / "masks" / "nucleus").iterdir())) == 10
    code, _, err = run_main(predict, *arguments)
    assert (code, "choose another --out" in err) == (2, True)
    code, _, err = run_main(predict, *arguments, "--depth", 3)
    assert (code, "can be pruned to 1 … 2" in err) == (2, True)


def test_a_network_that_cannot_be_pruned_is_refused(run, run_main, small_set, tmp_path):
    arguments = ("--run", run, "--input", small_set / "images", "--out", tmp_path / "masks", "--depth", 1)
    code, _, err = run_main(predict, *arguments)
    assert (code, "only NestedUNet can be pruned" in err) == (2, True)
    assert not (tmp_path / "masks").exists()


def test_masks_of_other_weights_or_images_are_not_taken_for_done(run_main, small_config, tmp_path):
    for folder in ("p", "q"):
        (tmp_path / folder).mkdir()
        cv2.imwrite(str(tmp_path / folder / "x.png"), np.full((8, 8), 9, np.uint8))
    assert run_main(train, "--config", small_config)[0] == 0
    words = ("--run", tmp_path / "outputs/small", "--out", tmp_path / "out", "--input")
    assert run_main(predict, *words, tmp_path / "p")[0] == 0
    assert run_main(predict, *words, tmp_path / "p")[0] == 0  # the control: the same again
    code, _, err = run_main(predict, *words, tmp_path / "q")
    assert code == 2
    assert "not of" in err
    assert run_main(train, "--config", small_config, "--fresh", "seed=7")[0] == 0
    code, _, err = run_main(predict, *words, tmp_path / "p")
    assert code == 2
    assert "weights" in err
