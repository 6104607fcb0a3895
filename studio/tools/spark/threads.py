"""How many threads a training on the CPU uses while others use the same cores."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def considerate(batches: Iterator["Tensor"]) -> Iterator["Tensor"]:
    """Pass ``batches`` on; before each, set the number of threads to what the machine's load leaves room for."""
    import torch

    before, cores = torch.get_num_threads(), len(os.sched_getaffinity(0))
    try:
        while True:
            torch.set_num_threads(threads(cores, os.getloadavg()[0]))
            yield next(batches)
    finally:
        torch.set_num_threads(before)


def threads(cores: int, load: float) -> int:
    """All cores on a quiet machine, one on a busy one.

    There the threads of one product wait for each other in loops: two on two cores with a load of 24 took four
    times the processor time of one, and more time by the clock. The load of the last minute counts the training itself.
    """
    return cores if load < cores + 1 else 1
