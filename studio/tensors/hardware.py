"""The machine's devices and memory, as far as torch is concerned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_TORCH_FLOOR: Final = (2, 10)


def pick_device(wanted: str = "auto") -> "torch.device":
    """The device to run on: CUDA, else Apple's MPS, else the CPU; or the one that is ``wanted``."""
    import torch

    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def exact_device() -> "torch.device":
    """The device to compute on in float64, which Apple's MPS does not support."""
    import torch

    found = pick_device()
    return torch.device("cpu") if found.type == "mps" else found


def pick_dtype(device: "torch.device") -> "torch.dtype":
    """Half precision on an accelerator, full precision on a CPU, where half precision is emulated and slow."""
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def device_name(device: "torch.device") -> str:
    """A device's name, as far as results depend on it: a GPU's model, a CPU's instruction set."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else device.type.upper()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """While inside, torch computes with ``count`` threads; their number changes the last digits of results."""
    import torch

    own = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(own)


def free_memory(device: "torch.device") -> int:
    """Free bytes of a device's memory; on a GPU with what torch keeps in reserve."""
    import psutil
    import torch

    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    return int(psutil.virtual_memory().available)


def release_memory() -> None:
    """Return unused memory to the system, which torch and the C library keep."""
    import ctypes
    import gc
    import sys

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # glibc's; musl has none
        libc.malloc_trim(0)


def torch_build() -> tuple[str, str]:
    """Torch's version and build, and advice if it is missing or too old to be safe."""
    try:
        import torch
    except ImportError as error:
        return f"does not import ({error})", "pip install 'torch>=2.10'"
    build = (
        (torch.version.cuda and f"CUDA {torch.version.cuda}")
        or (torch.version.hip and f"ROCm {torch.version.hip}")
        or "CPU build"
    )
    old = tuple(int(part) for part in torch.__version__.split(".")[:2]) < _TORCH_FLOOR
    return (
        f"{torch.__version__}, {build}",
        "pip install --upgrade 'torch>=2.10': older versions load unsafe files" if old else "",
    )


def device() -> tuple[str, str]:
    """The device that pictures are made on, and advice if a GPU is not used."""
    import shutil

    import torch

    chosen = pick_device()
    if chosen.type == "cuda":
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return f"{torch.cuda.get_device_name(0)}, {memory:.0f} GB", ""
    if chosen.type == "cpu" and shutil.which("nvidia-smi"):
        return "CPU", "an NVIDIA GPU is here, but torch is a CPU build: install torch with CUDA (see README)"
    return chosen.type.upper() + (f", {torch.get_num_threads()} threads" if chosen.type == "cpu" else ""), ""


def memory() -> tuple[str, str]:
    """Free and total main memory, and advice if little is free."""
    import psutil

    ram = psutil.virtual_memory()
    found = f"{ram.available / 2**30:.1f} GB free of {ram.total / 2**30:.1f} GB"
    return found, "close other programs: less than 2 GB is free" if ram.available < 2 * 2**30 else ""


def torchvision() -> tuple[str, str]:
    """Whether torchvision does not fit torch, which would break the loading of models.

    It is imported in another process, since a mismatch breaks the process.
    """
    import subprocess
    import sys
    from importlib.util import find_spec

    if find_spec("torchvision") is None:
        return "not installed, not needed", ""
    tried = subprocess.run([sys.executable, "-c", "import torchvision"], capture_output=True, text=True, check=False)
    if tried.returncode == 0:
        return "fits torch", ""
    return "does not fit torch", "pip uninstall torchvision (the studio does not need it)"
