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
    "AMX": "_is_amx_tile_supported",
}


def default_device() -> str:
    """The device that `auto` means: cuda where PyTorch sees one, else cpu."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def default_precision(device: str) -> str:
    """The precision that `auto` means on cuda, mps or cpu: bf16 where the hardware computes in it, else fp32.

    Elsewhere bf16 is emulated and slow, and on MPS it has not been measured. It is never fp16, whose range is small.
    """
    import torch

    if device == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device == "cpu" and not {"bf16", "AMX"}.isdisjoint(cpu_features())
    return "bf16" if native else "fp32"


def cpu_features() -> tuple[str, ...]:
    """The names in CPU_FEATURES that this CPU has."""
    import torch

    checks = {name: getattr(torch.cpu, function, None) for name, function in CPU_FEATURES.items()}
    return tuple(name for name, check in checks.items() if check is not None and check())


def describe_device(device: torch.device) -> str:
    """A device in a few words, such as "NVIDIA H200" or "CPU with 4 threads"."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "mps":
        return "Apple GPU"
    return f"CPU with {torch.get_num_threads()} threads"
