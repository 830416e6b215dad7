"""The choice of device and precision."""

import pytest
import torch

from engine.device import Runtime, choose_runtime
from engine.distributed import ALONE
from engine.training import machine
from models import build_model
from system.errors import ConfigError


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_precision_on_the_cpu_follows_the_hardware(monkeypatch, native, expected):
    monkeypatch.setattr("system.machine.hardware.cpu_features", lambda: ("AVX2", "AMX") if native else ("AVX2",))
    runtime = choose_runtime()
    assert (runtime.device.type, runtime.precision) == ("cpu", expected)
    assert choose_runtime("cpu", "fp32").precision == "fp32"
    assert str(runtime) == f"CPU with {torch.get_num_threads()} threads, {expected}"


@pytest.mark.parametrize(("device", "name"), [("cuda", "GPU X"), ("mps", "Apple GPU"), ("cpu", "CPU")])
def test_a_checkpoint_names_the_device_whatever_it_is(monkeypatch, device, name):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "GPU X")
    assert machine(Runtime(torch.device(device), "fp32"), ALONE)["device"] == name


def test_cuda_that_is_absent_is_refused():
    with pytest.raises(ConfigError, match="use auto or cpu"):
        choose_runtime("cuda")


def test_mps_that_is_absent_is_refused(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="no Apple GPU here; use auto or cpu"):
        choose_runtime("mps")


def test_fp16_needs_fused_optimisers_which_mps_does_not_have_here(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(ConfigError, match="fp16 needs a CUDA device or the CPU"):
        choose_runtime("mps", "fp16")


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16"), (False, "fp32")])
def test_auto_on_a_gpu_is_never_fp16(monkeypatch, native, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert choose_runtime().precision == choose_runtime("cuda").precision == expected
    assert choose_runtime("cuda", "fp16").precision == "fp16"


def test_mps_that_is_present_runs_in_fp32_and_without_float64(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    runtime = choose_runtime("mps")
    assert (runtime.device.type, runtime.precision) == ("mps", "fp32")
    assert runtime.layout == "contiguous"
    assert choose_runtime("cpu").layout == "channels_last"


def test_a_layout_that_is_asked_for_holds_for_images_and_weights():
    runtime = choose_runtime("cpu", "fp32", layout="contiguous")
    assert (runtime.layout, runtime.weight_gradient) == ("contiguous", "direct")
    model = runtime.place(torch.nn.Conv2d(3, 8, 3).to(memory_format=torch.channels_last))
    images = runtime.move_images(torch.zeros(2, 3, 8, 8).to(memory_format=torch.channels_last))
    assert model.weight.is_contiguous()
    assert images.is_contiguous()
    assert runtime.for_prediction().layout == "channels_last"


def test_a_network_computes_its_gradients_in_the_way_of_the_runtime():
    model = build_model("UNet", filters=(4, 8))
    ways = lambda: {module.weight_gradient for module in model.modules() if hasattr(module, "weight_gradient")}
    assert ways() == {"direct"}
    choose_runtime("cpu", "fp32", weight_gradient="products").place(model)
    assert ways() == {"products"}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)]
)
def test_autocast_is_on_below_fp32(precision, dtype):
    runtime = choose_runtime("cpu", precision)
    model = runtime.place(torch.nn.Conv2d(3, 8, 3))
    images, target = runtime.move(torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8))
    with runtime.autocast():
        assert model(images).dtype == dtype
    assert model.weight.dtype == target.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)
