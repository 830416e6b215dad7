"""A predictor computes in one precision, and leaves no setting behind."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.predictors import predictor_of

from engine.device import choose_runtime


@pytest.mark.parametrize("overlap", [None, 4])
def test_all_of_an_image_is_predicted_in_bf16(overlap):
    predictor = predictor_of("binary", name="UNet", filters=(4, 8), overlap=overlap)
    predictor = replace(predictor, runtime=choose_runtime("cpu", "bf16"))
    seen = []
    for module in predictor.folded.modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda *call: seen.append(call[2].dtype))
    strips = 0
    for strip in predictor.strips(np.zeros((90, 60, 3), np.uint8)):
        strips += 1
        assert strip.dtype == torch.float32
        assert not torch.is_inference_mode_enabled()
        assert not torch.is_autocast_enabled("cpu")
    assert strips == (1 if overlap is None else 6)
    assert set(seen) == {torch.bfloat16}
