"""What the hardware is and computes, with PyTorch's answers replaced."""

import subprocess
import sys

import pytest
import torch

from system.machine.hardware import (
    CPU_FEATURES,
    cpu_capability,
    cpu_features,
    default_layout,
    default_precision,
    default_weight_gradient,
    describe_device,
    device_name,
)


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
    devices = [torch.device(name) for name in ("cuda:1", "mps", "cpu")]
    assert [device_name(device) for device in devices] == ["GPU 1", "Apple GPU", "CPU"]
    names = [describe_device(device) for device in devices]
    assert names == ["GPU 1", "Apple GPU", "CPU with 3 threads"]


@pytest.mark.parametrize(
    ("device", "precision", "layout", "capability", "expected"),
    [
        ("cpu", "fp32", "channels_last", "AVX512", "swapped"),
        ("cpu", "fp32", "channels_last", "AVX2", "products"),
        ("cpu", "fp32", "channels_last", "DEFAULT", "direct"),  # an older processor, or another kind
        ("cpu", "fp32", "contiguous", "AVX2", "direct"),
        ("cpu", "bf16", "channels_last", "AVX512", "direct"),
        ("cuda", "fp32", "channels_last", "AVX512", "direct"),
        ("mps", "fp32", "contiguous", "DEFAULT", "direct"),
    ],
)
def test_the_rule_of_the_weight_gradient(device, precision, layout, capability, expected):
    assert default_weight_gradient(device, precision, layout, capability) == expected


def test_the_rule_of_the_layout():
    assert [default_layout(name) for name in ("cpu", "cuda", "mps")] == ["channels_last", "channels_last", "contiguous"]


def test_the_capability_is_that_of_pytorchs_kernels(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert cpu_capability() == "AVX2"


def test_pytorch_is_not_imported_with_the_module():
    modules = "system.machine.hardware, system.machine.inspection, system.machine.cores"
    code = f"import sys, {modules}; print({{'torch', 'numpy'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
