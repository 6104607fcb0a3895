"""What machine this is, as far as torch is concerned."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import torch

_TORCH_FLOOR: Final = (2, 10)


def pick_device(wanted: str = "auto") -> "torch.device":
    """The device to run on: CUDA, then Apple's MPS, then the CPU; or the one ``wanted``."""
    import torch

    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def exact_device() -> "torch.device":
    """The device to compute on in float64, which Apple's MPS does not know."""
    import torch

    found = pick_device()
    return torch.device("cpu") if found.type == "mps" else found


def pick_dtype(device: "torch.device") -> "torch.dtype":
    """Half precision on an accelerator, full on a CPU, where halves are emulated and slow."""
    import torch

    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.float16 if device.type == "mps" else torch.float32


def named(device: "torch.device") -> str:
    """What a device is, as far as it decides what is computed: a GPU's name, a CPU's instructions."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.backends.cpu.get_cpu_capability()}" if device.type == "cpu" else device.type.upper()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """While inside, threads that are started compute with ``count`` of them: their number changes last digits."""
    import torch

    own = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(own)


def free(device: "torch.device") -> int:
    """Bytes of a device's memory that nothing holds; on a GPU with what torch keeps in reserve."""
    import psutil
    import torch

    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + held
    return int(psutil.virtual_memory().available)


def give_back() -> None:
    """Hand memory that is no longer used to the system: torch keeps it, and so does the C library."""
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
    """Torch's version and build, and what to do where it is missing or too old to be safe."""
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
        "pip install --upgrade 'torch>=2.10': older ones load unsafe files" if old else "",
    )


def device() -> tuple[str, str]:
    """The device pictures will be made on, and advice where a GPU lies idle."""
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
    """Main memory, free and in all."""
    import psutil

    ram = psutil.virtual_memory()
    found = f"{ram.available / 2**30:.1f} GB free of {ram.total / 2**30:.1f} GB"
    return found, "close other programs: less than 2 GB is free" if ram.available < 2 * 2**30 else ""


def torchvision() -> tuple[str, str]:
    """Whether a torchvision that does not fit torch would break the loading of models.

    Imported in another process: a mismatch breaks the process that meets it.
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
