"""The number of threads of a training on a CPU that other programs use too."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def with_spare_threads(batches: Iterator["Tensor"]) -> Iterator["Tensor"]:
    """Pass ``batches`` on; before each, set the number of threads according to the machine's load."""
    import torch

    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    try:
        while True:
            torch.set_num_threads(threads(cores, os.getloadavg()[0]))
            yield next(batches)
    finally:
        torch.set_num_threads(before)


def threads(cores: int, load: float) -> int:
    """All cores on an idle machine, one on a busy one.

    On a busy machine the threads of one matrix product wait for each other in spin loops: two on two cores with a load
    of 24 took four times the processor time of one, and more wall time. The load includes the training itself.
    """
    return cores if load < cores + 1 else 1
