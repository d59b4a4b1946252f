"""The device a run uses, and what can be measured on it. The only place that asks CUDA."""

import time
from collections.abc import Callable

from memorylab.lab.budget import cpu_seconds

# Dense bfloat16 peak in FLOP per second, from the vendor's data sheets. A GPU that is not
# here has no MFU rather than a wrong one.
PEAK_FLOPS = {
    "NVIDIA H200": 989.4e12,
    "NVIDIA H100 80GB HBM3": 989.4e12,
    "NVIDIA H100 PCIe": 756e12,
    "NVIDIA A100-SXM4-40GB": 312e12,
    "NVIDIA A100-SXM4-80GB": 312e12,
    "NVIDIA A100-PCIE-40GB": 312e12,
    "NVIDIA A100 80GB PCIe": 312e12,
    "NVIDIA L4": 121e12,
    "NVIDIA GeForce RTX 4090": 165.2e12,
    "NVIDIA GeForce RTX 3090": 71e12,
}


def pick_device() -> str:
    """ "cuda" when a GPU is there, else "cpu"."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def full_name(device: str) -> str:
    """The device as the summary names it: "cpu", or "cuda (NVIDIA H100 PCIe)". In the same wall time another GPU trains
    more or less, so their results do not compare."""
    if device == "cpu":
        return device
    import torch

    return f"{device} ({torch.cuda.get_device_name()})"


def training_clock(device: str) -> Callable[[], float]:
    """A function returning seconds: CPU time on a CPU, wall time on CUDA.

    Kernels run behind the program's back there, so the clock waits for them.
    """
    if device == "cpu":
        return cpu_seconds
    import torch

    def wall_seconds() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return wall_seconds


def peak_vram_mb(device: str) -> float | None:
    """Most memory allocated on the GPU, in MiB; None on a CPU."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.max_memory_allocated() / 2**20


def mfu_percent(device: str, flops_per_token: float | None, tokens: int, seconds: float) -> float | None:
    """Model FLOPs utilisation: share of the GPU's peak that went into the model, in percent.

    None where the peak is not known, which is any CPU, or the model's cost is not given.
    """
    if device == "cpu" or not flops_per_token or seconds <= 0:
        return None
    import torch

    peak = PEAK_FLOPS.get(torch.cuda.get_device_name())
    return None if peak is None else 100 * flops_per_token * tokens / seconds / peak
