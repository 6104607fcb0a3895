"""The energy that a training takes: measured where the machine has a meter, else estimated and labelled as such."""

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import torch

_RAPL: Final = Path("/sys/class/powercap/intel-rapl:0")
_WATTS: Final = {"cpu": 15, "cuda": 300, "mps": 30}  # a thread of a CPU, or a whole GPU


class Cost(NamedTuple):
    """Energy in joules and its source: "measured by the GPU", "estimated at 15 W for each of 2 threads"."""

    joules: float
    how: str

    def __str__(self) -> str:
        return f"{self.joules / 3600:.2g} Wh ({self.how})"


class Meter:
    """Counts from when it is created; ``before`` is added, for a training that is resumed."""

    def __init__(self, device: "torch.device", before: float = 0.0) -> None:
        self._device, self._before = device, before
        self._counter = _nvml(device) or _rapl()
        self._began, self._first = time.monotonic(), self._counter.joules() if self._counter else 0.0

    def read(self) -> Cost:
        """The energy so far."""
        if self._counter:
            return Cost(self._before + self._counter.joules() - self._first, self._counter.how)
        watts, how = estimate(self._device)
        return Cost(self._before + watts * (time.monotonic() - self._began), how)


class _Counter(NamedTuple):
    """A meter of the machine whose reading only rises."""

    how: str
    read: Any

    def joules(self) -> float:
        return float(self.read())


def _nvml(device: "torch.device") -> _Counter | None:
    """NVIDIA's meter of the whole board (``nvmlDeviceGetTotalEnergyConsumption``, in millijoules)."""
    with suppress(Exception):  # no driver, no library, a board too old: then there is no meter
        import pynvml

        if device.type == "cuda":
            pynvml.nvmlInit()
            board = pynvml.nvmlDeviceGetHandleByIndex(device.index or 0)
            pynvml.nvmlDeviceGetTotalEnergyConsumption(board)
            return _Counter("measured by the GPU", lambda: pynvml.nvmlDeviceGetTotalEnergyConsumption(board) / 1000)
    return None


def _rapl() -> _Counter | None:
    """The processor's meter (Linux powercap, in microjoules), if the user may read it. It counts all programs."""
    with suppress(OSError, ValueError):
        file = _RAPL / "energy_uj"
        float(file.read_text())
        return _Counter("measured by the processor, with all else it did", lambda: float(file.read_text()) / 1e6)
    return None


def estimate(device: "torch.device") -> tuple[float, str]:
    """The assumed power of a busy device in watts, and a text that says it is an estimate."""
    import torch

    watts = _WATTS.get(device.type, _WATTS["cuda"])
    if device.type != "cpu":
        return watts, f"estimated at {watts} W"
    threads = torch.get_num_threads()
    return watts * threads, f"estimated at {watts} W for each of {threads} threads"
