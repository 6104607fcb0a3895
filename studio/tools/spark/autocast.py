"""Half-precision arithmetic on devices where it is faster."""

import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def autocast(device: "torch.device") -> "torch.autocast":
    """A context in which matrix products run in bf16 if that is faster on ``device``."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=_fast_in_bf16(device))


@cache
def _fast_in_bf16(device: "torch.device") -> bool:
    """GPUs, and CPUs on which a benchmark is faster: some have the instructions without a gain."""
    import torch

    if device.type != "cpu":
        return device.type == "cuda"
    if not torch.cpu.get_capabilities().get("avx512_bf16", False):
        return False  # emulated, many times slower
    return _product_time(torch.bfloat16) < 0.8 * _product_time(torch.float32)


def _product_time(dtype: "torch.dtype") -> float:
    """Processor seconds of the fastest of five products of 1024×1024 matrices, independent of the machine's load."""
    import torch

    matrix, times = torch.ones(1024, 1024, dtype=dtype), []
    for _ in range(6):
        began = time.process_time()
        matrix @ matrix
        times.append(time.process_time() - began)
    return min(times[1:])
