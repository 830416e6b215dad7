"""What this machine computes with, as PyTorch sees it. PyTorch is imported only when a function is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# Feature of a CPU → the function of torch.cpu that looks for it; not every version of PyTorch has all of them.
CPU_FEATURES = {
    "AVX2": "_is_avx2_supported",
    "AVX-512": "_is_avx512_supported",
    "bf16": "_is_avx512_bf16_supported",
    "VNNI": "_is_vnni_supported",
    "AMX": "_is_amx_tile_supported",
}

# The memory layouts of images and weights that a configuration can name.
LAYOUTS = ("channels_last", "contiguous")
# What PyTorch's kernels for the CPU use → the way in which the gradient of a convolution's weights takes the least time
# in fp32 and channels last; see models/convolution.py. Docs/results.md has the figures.
WEIGHT_GRADIENTS = {"AVX2": "products", "AVX512": "swapped"}


def default_layout(device: str) -> str:
    """Returns the layout that `auto` means for training and for prediction on cuda, mps or cpu.

    Channels last was never slower than "contiguous", PyTorch's own layout, in any precision on a processor with AVX2 or
    AVX-512. Tensor cores of a GPU need it. Nothing was measured on MPS, which keeps PyTorch's own.
    """
    return "contiguous" if device == "mps" else "channels_last"


def default_weight_gradient(device: str, precision: str, layout: str, capability: str) -> str:
    """Returns the way that `auto` means to compute the gradient of the weights: direct, swapped or products.

    Args:
        device, precision, layout: of the training.
        capability: what PyTorch's kernels for the CPU use, in PyTorch's words, such as "AVX2"; see `cpu_capability`.
    """
    plain = device == "cpu" and precision == "fp32" and layout == "channels_last"
    return WEIGHT_GRADIENTS.get(capability, "direct") if plain else "direct"


def cpu_capability() -> str:
    """Returns what PyTorch's kernels for the CPU use, such as "AVX2", "AVX512" or "DEFAULT"."""
    import torch

    return torch.backends.cpu.get_cpu_capability()


def default_device() -> str:
    """Returns the device that `auto` means: cuda where PyTorch sees one, else cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def default_precision(device: str) -> str:
    """Returns the precision that `auto` means on cuda, mps or cpu: bf16 where the hardware computes in it, else fp32.

    Elsewhere bf16 is emulated and slow, and on MPS it has not been measured. It is never fp16, whose range is small.
    """
    import torch

    if device == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device == "cpu" and not {"bf16", "AMX"}.isdisjoint(cpu_features())
    return "bf16" if native else "fp32"


def cpu_features() -> tuple[str, ...]:
    """Returns the names in CPU_FEATURES that this CPU has."""
    import torch

    checks = {name: getattr(torch.cpu, function, None) for name, function in CPU_FEATURES.items()}
    return tuple(name for name, check in checks.items() if check is not None and check())


def device_name(device: torch.device) -> str:
    """Returns the name of a device, such as "NVIDIA H200", "Apple GPU" or "CPU"; another one gets the word of its type.

    The name does not depend on settings, so that it says whether two processes computed on the same kind of device.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return {"mps": "Apple GPU"}.get(device.type, device.type.upper())


def describe_device(device: torch.device) -> str:
    """Returns a device in a few words, such as "NVIDIA H200" or "CPU with 4 threads"."""
    import torch

    threads = f" with {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    return device_name(device) + threads
