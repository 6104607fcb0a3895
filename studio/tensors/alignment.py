"""Weights in a CPU's memory, where their place decides nothing.

oneMKL's products differ in their last digits by where the factors lie, modulo 64 bytes (oneMKL Developer Guide,
"Obtaining Numerically Reproducible Results": align arrays on 64-byte boundaries). A tensor of a memory-mapped
safetensors file lies wherever the file's header ends, so that without this a picture depended on the length of a
header. What torch allocates by itself is aligned.
"""

from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor, nn

ALIGNMENT: Final = 64
"""Bytes."""


def aligned(tensor: "Tensor") -> "Tensor":
    """The tensor, copied where it lies in main memory and does not begin at a multiple of ALIGNMENT."""
    if tensor.device.type != "cpu" or tensor.data_ptr() % ALIGNMENT == 0:
        return tensor
    return tensor.clone()


def align(module: "nn.Module") -> None:
    """Align all of a module's weights; the parameters stay the same objects.

    A copy takes memory of the process's own where a mapped file took the system's, which it shares with others.
    Integers, 4-bit weights and those of a GGUF file among them, are looked up and not multiplied: they stay.
    """
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.is_floating_point() and (copy := aligned(tensor.data)) is not tensor.data:
            tensor.data = copy
