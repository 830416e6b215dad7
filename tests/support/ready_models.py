"""A tiny trained network without a training: the checkpoint of a run, as train.py writes it; and an image for it."""

import cv2
import numpy as np
import torch
import yaml

from engine.runs.checkpoint_file import save_checkpoint
from engine.schema.config import Config
from engine.schema.config_file import dump_config
from models import build_model


def drawn():
    """An image of a bright disc on noise, [40, 52, 3] uint8."""
    image = np.random.default_rng(0).integers(0, 80, (40, 52, 3), np.uint8)
    return cv2.circle(image, (20, 20), 8, (250, 200, 230), -1)


def write_run(
    folder, *, task="distance", channels=3, root="inputs/small", crop=32, filters=(4, 6), classes=("nucleus",)
):
    """Writes the run folder of a UNet whose weights are random. Half of the pixels of noise are foreground."""
    config = Config.model_validate(
        yaml.safe_load(
            f"""
name: {folder.name}
task: {task}
data: {{root: {root}, crop: {crop}, intensity: image}}
model: {{name: UNet, filters: {list(filters)}}}
loss: {{name: BCEDiceLoss}}
optimizer: {{name: AdamW, lr: 1.0e-2}}
scheduler: {{name: cosine}}
train: {{epochs: 2, batch_size: 4, precision: fp32, device: cpu}}
"""
        )
    )
    torch.manual_seed(0)
    outputs = len(classes) + (task in ("distance", "border"))
    network = build_model("UNet", num_classes=outputs, input_channels=channels, filters=filters)
    with torch.no_grad():
        network.final.bias[0] -= network.eval()(torch.randn(1, channels, 64, 64))[:, 0].median()
    state = {
        "config": config.model_dump(),
        "classes": list(classes),
        "truth": {"palette": None, "void": None},
        "reader": {"channels": channels, "intensity": "image", "limits": None, "max_pixels": 2**28, "plane": None}
        | {"select": None, "pages_are_channels": False},
        "normalisation": {"mean": [0.3] * channels, "std": [0.25] * channels},
        "data": "d" * 32,
        "split": "e" * 32,
        "statistics": {"names": ["brightness"], "values": torch.full((8, 1), 0.5)},
        "epoch": 2,
        "history": [{"epoch": 1, "loss": 0.5}],
        "timing": [],
        "progress": None,
        "model": network.state_dict(),
        "optimizer": {"state": {0: torch.zeros(1000)}},
        "scheduler": {},
        "machine": {"processes": 1},
    }
    save_checkpoint(folder / "best.pth", state)
    (folder / "config.yaml").write_text(dump_config(config), encoding="utf-8")
    return folder
