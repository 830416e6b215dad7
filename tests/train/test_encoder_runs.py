"""A run with an encoder trains, resumes to the bit, scores, predicts and becomes a ready model."""

import cv2
import numpy as np
import pytest
import torch
from torchvision.models import resnet18

import predict
import release
import train
import val
from saved_run import load_run

ENCODED = ("model={name: NestedUNet, encoder: resnet18, filters: [2, 3], deep_supervision: true}", "train.workers=0")


@pytest.mark.slow
def test_from_training_to_prediction(run_main, small_config, small_set, tmp_path):
    torch.manual_seed(1)
    torch.save(resnet18(weights=None).state_dict(), tmp_path / "resnet.pth")
    words = ("--config", small_config, *ENCODED, f"model.encoder_weights={tmp_path / 'resnet.pth'}")
    grey = ("data.channels=1",)
    code, out, err = run_main(train, *words, *grey, "train.epochs=2", "name=whole")
    assert code == 0, err
    assert f"encoder {tmp_path / 'resnet.pth'}\n        conv1.weight: images of 3 channels there, 1 here" in out
    assert run_main(train, *words, *grey, "name=cut")[0] == 0
    code, out, err = run_main(train, *words, *grey, "name=cut", "train.epochs=2", "--resume")
    assert code == 0, err
    logs = [(tmp_path / "outputs" / name / "log.csv").read_bytes() for name in ("whole", "cut")]
    assert logs[0] == logs[1]

    run, out = tmp_path / "outputs" / "whole", tmp_path / "ready"
    assert run_main(val, "--run", run, "--no-report")[0] == 0
    assert run_main(release, "--run", run, "--out", out, "--licence", "MIT")[0] == 0
    assert "It is a NestedUNet with the encoder resnet18 with deep supervision with " in (out / "MODEL.md").read_text()
    image = cv2.imread(str(small_set / "images" / "cell_00.png"), 0)
    assert np.array_equal(load_run(run).maps(image), load_run(out).maps(image))
    shallow = ("--depth", "1", "--input", small_set / "images", "--out", tmp_path / "new")
    assert run_main(predict, "--run", out, *shallow)[0] == 0
    assert len(list((tmp_path / "new" / "masks" / "nucleus").iterdir())) == 10


def test_a_file_that_is_none_of_the_encoder_is_refused(run_main, small_config, tmp_path):
    torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pth")
    code, _, err = run_main(train, "--config", small_config, *ENCODED, f"model.encoder_weights={tmp_path / 'w.pth'}")
    assert code == 3
    assert "no weights of this encoder" in err
