"""release.py makes a ready model of a run, and every door takes it."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import yaml
from conftest import write_set
from support.ready_models import drawn, write_run

import predict
import release
from engine.runs.checkpoint_file import load_checkpoint, save_checkpoint
from engine.runs.ready_model import KEPT
from inference.cells.decode_file import ChosenDecoding, write_decoding
from inference.cells.decoding import decoding_by
from saved_run import load_run

ROOT = Path(__file__).resolve().parents[2]


def test_the_folder_has_weights_and_nothing_of_the_training(ready, nuclei):
    assert sorted(path.name for path in ready.iterdir()) == ["MODEL.md", "config.yaml", "weights.pth"]
    state, before = load_checkpoint(ready / "weights.pth"), load_checkpoint(nuclei / "best.pth")
    assert set(state) - {"format"} == set(KEPT) & set(before)
    assert not {"optimizer", "history", "machine", "timing"} & set(state)
    assert torch.equal(state["statistics"]["values"], before["statistics"]["values"])
    for name, tensor in before["model"].items():
        assert torch.equal(state["model"][name], tensor)
    assert (ready / "config.yaml").read_text() == (nuclei / "config.yaml").read_text()


def test_it_predicts_to_the_bit_as_the_run_does(ready, nuclei):
    image, one, other = drawn(), load_run(nuclei), load_run(ready)
    assert np.array_equal(one.maps(image), other.maps(image))
    assert np.array_equal(one.masks(image), other.masks(image))
    assert np.array_equal(one.cells(image).labels, other.cells(image).labels)
    assert one.maps(image).std() > 0.01


@pytest.mark.slow
def test_float16_halves_the_file_and_keeps_the_statistics(nuclei, run_main, tmp_path):
    write_run(nuclei, filters=(16, 32))
    for name, words in (("full", ()), ("half", ("--half",))):
        assert run_main(release, "--run", nuclei, "--out", tmp_path / name, "--licence", "MIT", *words)[0] == 0
    full, half = (tmp_path / name / "weights.pth" for name in ("full", "half"))
    assert half.stat().st_size < 0.7 * full.stat().st_size
    assert "as float16 (its convolutions)" in (tmp_path / "half" / "MODEL.md").read_text()
    tensors = load_checkpoint(half)["model"]
    kinds = {name.rsplit(".", 1)[1]: tensor.dtype for name, tensor in tensors.items() if ".conv" in name}
    assert kinds == {"weight": torch.float16, "bias": torch.float32}
    assert tensors["conv0_0.bn1.running_var"].dtype == torch.float32
    one, other = (load_run(tmp_path / name).maps(drawn()) for name in ("full", "half"))
    np.testing.assert_allclose(one, other, atol=2e-3)
    assert not np.array_equal(one, other)


def test_paths_of_the_machine_are_not_published(nuclei, run_main, tmp_path):
    write_run(nuclei, root=str(tmp_path / "secret" / "cells"))
    assert run_main(release, "--run", nuclei, "--out", tmp_path / "out", "--licence", "MIT")[0] == 0
    texts = [(tmp_path / "out" / name).read_text() for name in ("MODEL.md", "config.yaml")]
    assert yaml.safe_load(texts[1])["data"]["root"] == "inputs/cells"
    assert str(tmp_path).encode() not in (tmp_path / "out" / "weights.pth").read_bytes()
    assert not any("secret" in text or str(tmp_path) in text for text in texts)
    assert "python predict.py --run pretrained/out --input" in texts[0]
    assert b"secret" in (nuclei / "best.pth").read_bytes()  # the control


def test_the_card_states_what_is_known(nuclei, run_main, tmp_path):
    write_decoding(nuclei / "decode.yaml", ChosenDecoding(decoding_by("distance", min_area=7)), scores={"mean_ap": 0.5})
    set_ = write_set(tmp_path / "inputs" / "small", images=2)
    (set_ / "dataset.yaml").write_text("source: a | microscope\nlicence: CC0-1.0\n")
    summary = {
        "run": "/home/x/outputs/fold_0",
        "epoch": 3,
        "images": 7,
        "iou": 0.91234,
        "ap_50": 0.8,
        "weights": "crc32 0",
    }
    (tmp_path / "a.json").write_text(json.dumps(summary))
    (tmp_path / "notes.md").write_text("Measured on grey images of 8 bits only.\n")
    words = ("--scores", f"fold 0={tmp_path / 'a.json'}", "--notes", tmp_path / "notes.md")
    code, out, err = run_main(release, "--run", nuclei, "--out", tmp_path / "out", "--licence", "CC0-1.0", *words)
    assert code == 0, err
    network = load_run(tmp_path / "out").model
    parameters = sum(tensor.numel() for tensor in network.parameters())
    assert f"weights {parameters:,} parameters, float32, 0.0 MB" in out
    card = (tmp_path / "out" / "MODEL.md").read_text()
    assert f"holds {parameters:,} parameters as float32" in card
    assert "| fold 0 | fold_0, epoch 3 | others | 7 | 0.912 | 0.800 |" in card
    fingerprint = f"| fingerprint of the files | {'d' * 32} |"
    for line in ("| source | a \\| microscope |", "| licence | CC0-1.0 |", fingerprint, "model: CC0-1.0. Authors"):
        assert line in card
    assert "Measured on grey images of 8 bits only." in card
    assert "A kind of image is in scope only if scores below were measured" in card
    assert "/home/x" not in card
    assert load_run(tmp_path / "out").decoding.how.min_area == 7


def test_a_run_without_statistics_of_its_images_is_released_with_a_word(nuclei, run_main, tmp_path):
    state = load_checkpoint(nuclei / "best.pth")
    save_checkpoint(nuclei / "best.pth", {key: state[key] for key in state if key not in ("format", "statistics")})
    code, out, _ = run_main(release, "--run", nuclei, "--out", tmp_path / "out", "--licence", "MIT")
    assert (code, f"python -m datasets.statistics --run {nuclei} adds them" in out) == (0, True)


def test_refusals(ready, nuclei, run_main, tmp_path):
    code, _, err = run_main(release, "--run", nuclei, "--out", ready, "--licence", "MIT")
    assert (code, "exists already, and nothing is overwritten" in err) == (2, True)
    code, _, err = run_main(release, "--run", nuclei, "--out", tmp_path / "o", "--licence", "MIT", "--scores", "x.json")
    assert (code, "the form is NAME=FILE" in err) == (2, True)
    (tmp_path / "x.json").write_text("[1")
    code, _, err = run_main(
        release, "--run", nuclei, "--out", tmp_path / "o", "--licence", "MIT", "--scores", f"a={tmp_path}/x.json"
    )
    assert (code, "not a summary.json of val.py" in err) == (3, True)
    code, _, err = run_main(release, "--run", ready, "--out", tmp_path / "o", "--licence", "MIT")
    assert (code, "is a ready model already; give the run that it was made of" in err) == (2, True)
    code, _, err = run_main(release, "--run", tmp_path / "none", "--out", tmp_path / "o", "--licence", "MIT")
    assert (code, "no such run folder" in err) == (3, True)
    assert not (tmp_path / "o").exists()
    assert not (tmp_path / "o.partial").exists()


@pytest.mark.parametrize("damage", ["flip", "cut", "unsealed"])
def test_damaged_and_unsealed_weights_are_refused(ready, run_main, tmp_path, damage):
    path = ready / "weights.pth"
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:-9])
    else:
        torch.save(torch.load(path, weights_only=True), path)
    cv2.imwrite(str(tmp_path / "a.png"), drawn())
    code, _, err = run_main(predict, "--run", ready, "--input", tmp_path / "a.png", "--out", tmp_path / "out")
    assert code == 3
    assert "weights.pth: damaged" in err
    assert "without a valid seal" in err
