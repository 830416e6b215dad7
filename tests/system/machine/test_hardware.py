"""What the hardware is and computes, with PyTorch's answers replaced."""

import subprocess
import sys

import pytest
import torch

from system.machine.hardware import CPU_FEATURES, cpu_features, default_precision, describe_device


@pytest.mark.parametrize(
    ("has", "precision"),
    [((), "fp32"), (("AVX2", "AVX-512"), "fp32"), (("AVX2", "bf16"), "bf16"), (("AMX",), "bf16")],
)
def test_a_cpu_computes_in_bf16_with_either_feature(monkeypatch, has, precision):
    for name, function in CPU_FEATURES.items():
        monkeypatch.setattr(torch.cpu, function, lambda name=name: name in has, raising=False)
    assert cpu_features() == has
    assert default_precision("cpu") == precision
    assert default_precision("mps") == "fp32"


def test_a_feature_that_this_pytorch_cannot_look_for_is_left_out(monkeypatch):
    for function in CPU_FEATURES.values():
        monkeypatch.delattr(torch.cpu, function, raising=False)
    assert cpu_features() == ()
    assert default_precision("cpu") == "fp32"


def test_devices_have_names(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    names = [describe_device(torch.device(name)) for name in ("cuda:1", "mps", "cpu")]
    assert names == ["GPU 1", "Apple GPU", "CPU with 3 threads"]


def test_pytorch_is_not_imported_with_the_module():
    modules = "system.machine.hardware, system.machine.inspection, system.machine.cores"
    code = f"import sys, {modules}; print({{'torch', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
