"""Aligns weights in a CPU's memory, so that results do not depend on their addresses.

The last digits of oneMKL's products depend on the addresses of the factors, modulo 64 bytes (oneMKL Developer Guide,
"Obtaining Numerically Reproducible Results": align arrays on 64-byte boundaries). The address of a tensor in a
memory-mapped safetensors file depends on the length of the file's header, and so would a picture. What torch allocates
itself is aligned.
"""

from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor, nn

ALIGNMENT: Final = 64
"""Bytes."""


def aligned(tensor: "Tensor") -> "Tensor":
    """The tensor, copied if it is in main memory and does not begin at a multiple of ALIGNMENT."""
    if tensor.device.type != "cpu" or tensor.data_ptr() % ALIGNMENT == 0:
        return tensor
    return tensor.clone()


def align(module: "nn.Module") -> None:
    """Align all of a module's weights; the parameters stay the same objects.

    A copy takes memory of the process, while a mapped file is in the system's page cache, which processes share.
    Integers, such as 4-bit weights and those of a GGUF file, are not multiplied themselves and stay as they are.
    """
    for tensor in chain(module.parameters(), module.buffers()):
        if tensor.is_floating_point() and (copy := aligned(tensor.data)) is not tensor.data:
            tensor.data = copy
