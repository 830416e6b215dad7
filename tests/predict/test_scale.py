"""predict.py works with threads and in several processes, and its files are those of one image after the other."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import ROOT

import predict
import train
from datasets.prepare.synthetic import write_synthetic
from images.image_reader import ImageFile
from images.reading import read_image
from inference.files.outputs import PredictionFolder
from inference.measurements.measuring import MeasuredImage
from inference.pipeline import pipeline, prediction_stages
from inference.pipeline.pipeline import Pipeline
from inference.pipeline.stages import Threads
from saved_run import load_run

GEOMETRIES = {"size": "data.size=32", "crop": "data={root: ROOT, crop: 32, overlap: 8}"}
needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A data folder with nuclei, and 30 images of many sizes, of which number 17 is broken."""
    folder = tmp_path_factory.mktemp("drawn")
    write_synthetic(folder / "set", images=8, size=64)
    (folder / "photos").mkdir()
    sources = sorted((folder / "set" / "images").iterdir())
    for number in range(30):
        image = cv2.imread(str(sources[number % 8]))
        height, width = (64, 64) if number % 4 == 3 else (32 - number % 5, 20 + number % 13)
        image = image[:height, :width].astype(np.uint16) * 200 if number % 7 == 2 else image[:height, :width]
        assert cv2.imwrite(str(folder / "photos" / f"{number:02d}.png"), image)
    (folder / "photos" / "17.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return folder


@pytest.fixture(params=["size", pytest.param("crop", marks=pytest.mark.slow)])
def run(request, run_main, small_config, drawn, tmp_path):
    """The folder of a short run that finds cells."""
    return trained(run_main, small_config, drawn, tmp_path, request.param)


@pytest.fixture
def one_run(run_main, small_config, drawn, tmp_path):
    return trained(run_main, small_config, drawn, tmp_path, "size")


def trained(run_main, small_config, drawn, tmp_path, geometry):
    change = GEOMETRIES[geometry].replace("ROOT", str(drawn / "set"))
    # Sensitive decoding lets even a short training find cells.
    decode = "decode={method: distance, foreground_threshold: 0.3, seed_threshold: 0.05, min_seed: 1, min_area: 3}"
    changes = ["task=distance", "train.epochs=15", "model.filters=[8, 8, 16]", f"data.root={drawn / 'set'}", change]
    code, _, err = run_main(train, "--config", small_config, *changes, decode)
    assert code == 0, err
    return tmp_path / "outputs" / "small"


def contents(folder):
    """Returns {path below the folder: bytes} of all results; the note and the page name the command."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".yaml", ".html")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def write_one_by_one(run, photos, out):
    """Predicts one image after the other, through `predictor.predict`, without threads and batches."""
    predictor = load_run(run)
    folder = PredictionFolder(out, predictor.task, cells=True)
    images = [path for path in sorted(photos.iterdir()) if path.stem != "17"]
    folder.claim([ImageFile(path.stem, path) for path in sorted(photos.iterdir())])
    for path in images:
        image = read_image(path)
        measured = MeasuredImage.of_array(image)
        folder.write(path.stem, predictor.reader.convert(image), predictor.predict(image), measured=measured)
    assert folder.write_summary([path.stem for path in images]) > 20
    return contents(out)


def test_the_files_are_those_of_one_image_after_the_other(run, run_main, drawn, tmp_path):
    code, out, err = run_main(predict, "--run", run, "--input", drawn / "photos", "--out", tmp_path / "out")
    assert code == 3
    assert "1 of 30 images could not be used" in err
    assert "17.png" in err
    assert "wrote   the results of 29 images" in out
    expected = write_one_by_one(run, drawn / "photos", tmp_path / "expected")
    assert len(expected) == 29 * 5 + 3
    assert contents(tmp_path / "out") == expected


@pytest.mark.parametrize("pixels", [1, 3 * 32 * 32, 2**20])
def test_masks_do_not_depend_on_the_batch(run, drawn, tmp_path, monkeypatch, pixels):
    monkeypatch.setattr(prediction_stages, "PIXELS_PER_BATCH_IN_A_THREAD", pixels)
    predictor = load_run(run, run)  # an ensemble, which goes the longer way
    stages = prediction_stages.PredictionStages(predictor, None, threshold=None)
    files = [ImageFile(path.stem, path) for path in sorted((drawn / "photos").iterdir())]
    items = [stages.read(file) for file in files if file.id != "17"]
    most = {stages.batch_of(item)[1] for item in items if item.inputs is not None}
    assert most == {max(1, pixels // 32**2)}
    small = [item for item in items if item.inputs is not None]
    assert len(small) == len(items) if predictor.members[0].size else 15 < len(small) < len(items)
    several = stages.compute(small)
    for item, computed in zip(small, several, strict=True):
        alone = predictor.computed(item.image)
        assert (computed.masks == alone.masks).all()
        np.testing.assert_allclose(computed.maps, alone.maps, atol=1e-5)
    assert any(computed.masks.any() for computed in several)


def test_few_images_get_all_cores(one_run, drawn, tmp_path):
    predictor = load_run(one_run)
    stages = prediction_stages.PredictionStages(predictor, None, threshold=None)
    assert stages.threads(cores=8, images=1000) == Threads(readers=2, workers=8, compute=True)
    assert stages.threads(cores=8, images=15) == Threads(readers=2, workers=7, compute=False)
    assert stages.threads(cores=1, images=1) == Threads(readers=1, workers=1, compute=False)
    stages.on_cpu = False
    assert stages.threads(cores=8, images=1000) == Threads(readers=2, workers=7, compute=False)


@pytest.mark.parametrize("cores", [1, 2, 16])
def test_any_number_of_cores_gives_the_same_files(one_run, run_main, drawn, tmp_path, monkeypatch, cores):
    monkeypatch.setattr("inference.pipeline.shares.usable_cores", lambda: cores)
    code, _, err = run_main(predict, "--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out")
    assert code == 3, err
    assert contents(tmp_path / "out") == write_one_by_one(one_run, drawn / "photos", tmp_path / "expected")


def test_large_images_are_predicted_alone(one_run, run_main, drawn, tmp_path, monkeypatch):
    alone = []

    def handle_alone(pipeline, item, handle=Pipeline._handle_alone):
        alone.append(item.file.id)
        return handle(pipeline, item)

    monkeypatch.setattr(pipeline, "LARGE", 2000)  # 64×64 pixels are more
    monkeypatch.setattr(Pipeline, "_handle_alone", handle_alone)
    code, _, err = run_main(predict, "--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out")
    assert code == 3, err
    assert alone == [f"{number:02d}" for number in range(3, 30, 4)]
    found, expected = contents(tmp_path / "out"), write_one_by_one(one_run, drawn / "photos", tmp_path / "expected")
    rounded = {name for name in found if name.startswith("cells/") or name == "images.csv"}  # confidences, from 8 bits
    assert {name: found[name] for name in found.keys() - rounded} == {n: expected[n] for n in expected.keys() - rounded}
    for name in rounded - {"images.csv"}:
        tables = [
            np.loadtxt(files[name].decode().splitlines(), delimiter=",", skiprows=1) for files in (found, expected)
        ]
        np.testing.assert_allclose(*tables, atol=0.003)


def test_a_full_disk_ends_with_6(one_run, run_main, drawn, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "overlays").write_text("a file where the folder should be")
    code, _, err = run_main(predict, "--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out")
    assert code == 6
    assert "overlays" in err
    assert "cannot be written" in err


def test_ctrl_c_ends_with_130(one_run, run_main, drawn, tmp_path, monkeypatch):
    def interrupted(self, *arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(PredictionFolder, "write", interrupted)
    code, _, err = run_main(predict, "--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out")
    assert (code, err.splitlines()[-1]) == (130, "stopped by Ctrl-C")


def start(*arguments, ranks=None, rank=None):
    """Starts predict.py by torchrun in `ranks` processes; or one process, which is number `rank` of two."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks), "--"] if ranks else []
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment |= {} if rank is None else {"RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank)}
    return subprocess.Popen(
        [sys.executable, *torchrun, ROOT / "predict.py", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def many(folder, photos, count):
    """Makes so many images."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04d}.png").write_bytes((photos / f"{number % 8:02d}.png").read_bytes())
    return folder


def wait_for_results(out, process, count=1):
    until = time.monotonic() + 120
    while len(list((out / "overlays").glob("[0-9]*.png"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
@needs_posix
def test_a_real_ctrl_c_is_prompt_and_the_next_call_does_the_rest(one_run, drawn, tmp_path):
    photos, out = many(tmp_path / "many", drawn / "photos", 3000), tmp_path / "out"
    process = start("--run", one_run, "--input", photos, "--out", out)
    wait_for_results(out, process, 5)
    process.send_signal(signal.SIGINT)
    pressed = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert time.monotonic() - pressed < 10
    assert process.returncode == 130
    assert err.splitlines()[-1] == "stopped by Ctrl-C"
    assert 5 <= len(list((out / "overlays").iterdir())) < 3000
    assert not list(out.rglob(".*"))  # no temporary file is left


@pytest.mark.slow
def test_two_processes_share_a_folder_out(one_run, drawn, tmp_path):
    (tmp_path / "out").mkdir()
    process = start("--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out", ranks=2)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1  # that of torchrun for every failure
    assert "exitcode  : 3" in err
    assert "error: 1 of 30 images could not be used" in err
    assert "17.png" in err
    assert out.count("decode  by distance") == 1
    wrote = [int(line.split()[4]) for line in out.splitlines() if line.startswith("wrote")]
    assert sorted(wrote) == [14, 15]
    assert contents(tmp_path / "out") == write_one_by_one(one_run, drawn / "photos", tmp_path / "expected")
    process = start("--run", one_run, "--input", drawn / "photos", "--out", tmp_path / "out", ranks=2)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 1  # the broken image is still broken
    assert "17.png" in err


@pytest.mark.slow
@needs_posix
def test_a_killed_process_harms_no_other(one_run, drawn, tmp_path):
    photos, out = many(tmp_path / "many", drawn / "photos", 400), tmp_path / "out"
    arguments = ("--run", one_run, "--input", photos, "--out", out)
    lost = start(*arguments, rank=1)
    wait_for_results(out, lost, 3)
    lost.send_signal(signal.SIGKILL)
    lost.communicate()
    first = start(*arguments, rank=0)
    text, err = first.communicate(timeout=240)
    assert first.returncode == 0, err
    assert "wrote   the results of 200 images" in text
    assert 200 <= len(listed(out)) < 400
    process = start(*arguments, ranks=2)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert listed(out) == [f"{number:04d}" for number in range(400)]


def listed(out):
    """Returns the images that images.csv lists, and checks that they are those with results."""
    names = [row["image"] for row in csv.DictReader((out / "images.csv").read_text().splitlines())]
    assert names == sorted(Path(path).stem for path in (out / "overlays").glob("[0-9]*.png"))
    return names
