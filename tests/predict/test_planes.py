"""From files of several channels or planes to results: the scripts, and the Python interface."""

import json

import cv2
import numpy as np
import pytest
import tifffile
from conftest import write_set

import predict
import train
import val
from datasets.check import __main__ as check_command
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from images import regions
from images.image_reader import ImageReader
from inference.pipeline import pipeline
from saved_run import load_run

STAINS = ["DAPI", "GFP", "RFP", "Cy5", "BF"]


def five_channels(path, channels):
    tifffile.imwrite(
        path, channels, ome=True, photometric="minisblack", metadata={"axes": "CYX", "Channel": {"Name": STAINS}}
    )


def z_stack(path, planes):
    tifffile.imwrite(path, planes, imagej=True, metadata={"axes": "ZYX"})


def bare_pages(path, pages):
    tifffile.imwrite(path, pages, photometric="minisblack", metadata=None)


def stacked(root, write):
    """The small set with images of five uint16 planes or channels: noise, and in the second the image."""
    write_set(root)
    for path in sorted((root / "images").iterdir()):
        planes = np.random.default_rng(1).integers(0, 300, (5, 32, 32)).astype(np.uint16)
        planes[1] += 100 * cv2.imread(str(path), 0).astype(np.uint16)
        write(path.with_suffix(".tif"), planes)
        path.unlink()
    return root


def trained(run_main, config, root, *changes):
    code, out, err = run_main(train, "--config", config, f"data.root={root}", *changes)
    assert code == 0, err
    return out


def test_five_channels_from_training_to_results(run_main, small_config, tmp_path):
    root = stacked(tmp_path / "inputs" / "five", five_channels)
    out = trained(run_main, small_config, root, "train.epochs=2")
    assert "read as 5 channels" in out
    run = tmp_path / "outputs" / "small"
    assert run_main(val, "--run", run)[0] == 0
    code, _, err = run_main(predict, "--run", run, "--input", root / "images", "--out", tmp_path / "out")
    assert code == 0, err
    assert cv2.imread(str(tmp_path / "out" / "overlays" / "cell_00.png")).shape == (32, 32, 3)
    predictor = load_run(run)
    image = np.moveaxis(tifffile.imread(root / "images" / "cell_00.tif"), 0, -1)
    mask = cv2.imread(str(tmp_path / "out" / "masks" / "nucleus" / "cell_00.png"), 0)
    assert (predictor(image)["nucleus"] == (mask > 0)).all()
    for wrong in (image[..., :3], image[..., :4], image[..., 0]):
        with pytest.raises(ValueError, match="with 5 channels is expected"):
            predictor(wrong)
    grey = tmp_path / "inputs" / "small" / "images"
    code, _, err = run_main(predict, "--run", run, "--input", grey, "--out", tmp_path / "other")
    assert code == 3
    assert "cell_00.png: 3 channels, but the run reads 5; give images of 5 channels" in err


def test_channels_by_name_and_by_number_are_the_same(run_main, small_config, tmp_path):
    root = stacked(tmp_path / "inputs" / "five", five_channels)
    logs = []
    for name, channels in (("names", "[GFP, DAPI]"), ("numbers", "[1, 0]"), ("other", "[0, 1]")):
        trained(run_main, small_config, root, f"data.channels={channels}", f"name={name}")
        logs.append((tmp_path / "outputs" / name / "log.csv").read_text())
    assert logs[0] == logs[1] != logs[2]
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}", "data.channels=[GFP, DAPy]", "name=x")
    assert code == 3
    assert "no channel 'DAPy': it has 5 channels (DAPI, GFP, RFP, Cy5, BF)" in err
    pages = tmp_path / "photos" / "a.tif"
    pages.parent.mkdir()
    bare_pages(pages, tifffile.imread(root / "images" / "cell_00.tif"))
    for name, told in (("names", "no channel 'GFP': it has 5 channels, which have no names"), ("numbers", None)):
        run, out = tmp_path / "outputs" / name, tmp_path / f"out_{name}"
        code, _, err = run_main(predict, "--run", run, "--input", pages, "--out", out)
        assert (code, told in err) == (3, True) if told else code == 0
    both = [tmp_path / "outputs" / "numbers", tmp_path / "outputs" / "other"]
    code, _, err = run_main(predict, "--run", *both, "--input", pages, "--out", tmp_path / "out_both")
    assert code == 2
    assert "outputs/other: channels 0, 1, plane none" in err


def test_stacks_are_read_by_the_plane_of_the_run(run_main, small_config, tmp_path):
    root = stacked(tmp_path / "inputs" / "stacks", z_stack)
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}")
    assert code == 3
    assert "10 files: a stack of 5 planes (z 5); choose with data.plane or --plane: z=0 (from 0), max" in err
    trained(run_main, small_config, root, "data.plane=z=1")
    run = tmp_path / "outputs" / "small"
    one = root / "images" / "cell_00.tif"
    assert run_main(predict, "--run", run, "--input", one, "--out", tmp_path / "out")[0] == 0
    mask = cv2.imread(str(tmp_path / "out" / "masks" / "nucleus" / "cell_00.png"), 0)
    planes = tifffile.imread(one)
    assert (load_run(run)(planes[1])["nucleus"] == (mask > 0)).all()
    for plane, image in (("z=4", planes[4]), ("max", planes.max(0))):
        out = tmp_path / f"out_{plane}"
        assert run_main(predict, "--run", run, "--input", one, "--out", out, "--plane", plane)[0] == 0
        mask = cv2.imread(str(out / "masks" / "nucleus" / "cell_00.png"), 0)
        assert (load_run(run)(image)["nucleus"] == (mask > 0)).all()
    for plane, told, expected in (
        ("z=5", "no plane z=5: the file has 5 planes (z 5); the last is z=4", 3),
        ("t=0", "no axis t, which the plane 't=0' needs: the file has 5 planes (z 5)", 3),
        ("z=x", "plane 'z=x': 'z=x' is not known; planes are z=3", 2),
    ):
        code, _, err = run_main(predict, "--run", run, "--input", one, "--out", tmp_path / plane, "--plane", plane)
        assert (code, told in err) == (expected, True), err


def test_each_plane_is_an_image_in_a_folder(run_main, small_config, tmp_path):
    root = stacked(tmp_path / "inputs" / "stacks", z_stack)
    trained(run_main, small_config, root, "data.plane=max")
    photos, run, out = tmp_path / "photos", tmp_path / "outputs" / "small", tmp_path / "out"
    photos.mkdir()
    film = np.random.default_rng(0).integers(0, 9000, (2, 3, 30, 40)).astype(np.uint16)
    tifffile.imwrite(photos / "film.tif", film, imagej=True, metadata={"axes": "TZYX"})
    bare_pages(photos / "pages.tif", film[0])
    cv2.imwrite(str(photos / "plain.png"), film[0, 0])
    (photos / "broken.tif").write_bytes(b"II*\0")
    code, _, err = run_main(predict, "--run", run, "--input", photos, "--out", out, "--plane", "each")
    assert (code, "broken.tif" in err) == (3, True)
    assert "1 of 11 images could not be used" in err
    masks = out / "masks" / "nucleus"
    found = {path.relative_to(masks).with_suffix("").as_posix() for path in masks.rglob("*.png")}
    expected = {f"film/t{t:03d}_z{z:03d}" for t in range(2) for z in range(3)} | {f"pages/z{z:03d}" for z in range(3)}
    assert found == expected | {"plain"}
    predictor = load_run(run)
    for t, z in ((0, 2), (1, 1)):
        mask = cv2.imread(str(masks / "film" / f"t{t:03d}_z{z:03d}.png"), 0)
        assert (predictor(film[t, z])["nucleus"] == (mask > 0)).all()
    again = run_main(predict, "--run", run, "--input", photos, "--out", out, "--plane", "each")
    assert "11, of which 10 are done already" in again[1]
    code, _, err = run_main(predict, "--run", run, "--input", photos / "film.tif", "--out", out)
    assert code == 2  # results of other planes are not mixed
    top = tmp_path / "top"
    assert (
        run_main(predict, "--run", run, "--input", photos / "film.tif", "--out", top, "--plane", "t=each,max")[0] == 0
    )
    assert sorted(path.name for path in (top / "masks" / "nucleus" / "film").iterdir()) == ["t000.png", "t001.png"]
    mask = cv2.imread(str(top / "masks" / "nucleus" / "film" / "t001.png"), 0)
    assert (predictor(film[1].max(0))["nucleus"] == (mask > 0)).all()


def test_pages_without_a_description_are_refused_or_told(run_main, small_config, tmp_path):
    root = stacked(tmp_path / "inputs" / "bare", bare_pages)
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}")
    assert code == 3
    told = "a stack of 5 pages without a description of what they are; if they are planes, choose with data.plane"
    assert told in err
    assert "read as 5 channels" in trained(run_main, small_config, root, "data.channels=5", "name=channels")
    assert "read as grey" in trained(run_main, small_config, root, "data.plane=z=1", "name=plane")
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}", "data.channels=4", "name=four")
    assert code == 3
    assert told in err


def test_the_check_refuses_what_training_refuses(run_main, small_config, tmp_path):
    root, report = stacked(tmp_path / "inputs" / "bare", bare_pages), tmp_path / "report.json"
    run = lambda *options: run_main(check_command, root, "--json", report, *options)
    code, out, _ = run()
    assert code == 3
    assert "5 pages without a description of what they are" in out
    for options, pixels in (
        (("--plane", "max"), "1 × uint16 of 5 pages without a description of what they are"),
        (("--channels", "5"), "5 × uint16"),
        (("--channels", "[0, 3]"), "2 × uint16"),
    ):
        code, out, _ = run(*options)
        assert code == 0, out
        (kind,) = json.loads(report.read_text())["facts"]["pixels"]
        assert kind.startswith(pixels)
    five_channels(root / "images" / "cell_00.tif", tifffile.imread(root / "images" / "cell_00.tif"))
    code, out, _ = run("--plane", "max")
    assert code == 3
    assert "images of different numbers of channels: 1 in 9 images, 5 in 1 images" in out
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}", "data.plane=max")
    assert (code, "5 channels" in err or "5 in 1 images" in err) == (3, True)


def test_conversions_are_said_once(run_main, small_config, small_set, tmp_path):
    for number in range(3):
        path = small_set / "images" / f"cell_{number:02d}.png"
        cv2.imwrite(str(path), cv2.imread(str(path), 0))
    out = trained(run_main, small_config, small_set)
    assert out.count("read    3 of 10 images are grey and are read as RGB\n") == 1
    arguments = ("--run", tmp_path / "outputs" / "small", "--input", small_set / "images", "--out", tmp_path / "out")
    assert run_main(predict, *arguments)[1].count("read    3 of 10 images are grey and are read as RGB\n") == 1


def test_statistics_of_other_channels_are_refused_and_weights_are_adapted(run_main, small_config, small_set, tmp_path):
    trained(run_main, small_config, small_set, "name=rgb")
    root = stacked(tmp_path / "inputs" / "five", five_channels)
    code, _, err = run_main(train, "--config", small_config, f"data.root={root}", "data.normalise=imagenet")
    assert code == 2
    assert "imagenet has statistics of 1 or 3 channels, and the images have 5" in err
    weights = f"model.weights={tmp_path / 'outputs' / 'rgb' / 'best.pth'}"
    code, out, err = run_main(train, "--config", small_config, f"data.root={root}", weights, "name=five")
    assert code == 0, err
    assert "conv0_0.conv1.weight: images of 3 channels there, 5 here; each channel gets the sum" in out


def test_a_run_of_an_earlier_version_predicts(run_main, small_config, small_set, tmp_path):
    trained(run_main, small_config, small_set)
    run = tmp_path / "outputs" / "small"
    image = cv2.imread(str(small_set / "images" / "cell_00.png"))[..., ::-1]
    expected = load_run(run)(image)["nucleus"]
    state = load_checkpoint(run / "best.pth")
    state["reader"] = {key: state["reader"][key] for key in ("channels", "intensity", "limits", "max_pixels")}
    del state["config"]["data"]["plane"]
    save_checkpoint(run / "best.pth", state)
    assert load_run(run).reader == ImageReader(3)
    assert np.array_equal(load_run(run)(image)["nucleus"], expected)


@pytest.mark.slow
def test_planes_of_large_stacks_are_read_by_rows(run_main, small_config, tmp_path, monkeypatch):
    """The results are those of the planes read whole."""
    root = stacked(tmp_path / "inputs" / "five", five_channels)
    geometry = f"data={{root: {root}, crop: 32, overlap: 8, channels: [GFP, DAPI]}}"
    assert run_main(train, "--config", small_config, geometry)[0] == 0
    film = np.random.default_rng(0).integers(0, 9000, (2, 5, 90, 120)).astype(np.uint16)
    metadata = {"axes": "ZCYX", "Channel": {"Name": STAINS}}
    tifffile.imwrite(tmp_path / "film.tif", film, ome=True, photometric="minisblack", metadata=metadata)
    arguments = ("--run", tmp_path / "outputs" / "small", "--input", tmp_path / "film.tif", "--plane", "each", "--out")
    assert run_main(predict, *arguments, tmp_path / "whole")[0] == 0
    read_whole = []
    monkeypatch.setattr(ImageReader, "open", lambda self, path: read_whole.append(path))
    monkeypatch.setattr(pipeline, "LARGE", 1000)
    for function in (regions.open_rows, regions.open_stored_rows, regions.size_of_regions):
        monkeypatch.setattr(function, "__kwdefaults__", {"above": 1000})
    code, _, err = run_main(predict, *arguments, tmp_path / "rows")
    assert (code, read_whole) == (0, []), err
    for name in ("masks/nucleus/film/z000.png", "masks/nucleus/film/z001.png", "overlays/film/z001.png"):
        assert (tmp_path / "rows" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
