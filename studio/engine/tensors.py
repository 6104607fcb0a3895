"""Single parameters, read from a model's files and written over themselves in a copy; never the whole model."""

from typing import TYPE_CHECKING

from studio.errors import ModelError
from studio.models.header import Header
from studio.models.loras.parameters import Spot

if TYPE_CHECKING:
    from torch import Tensor


def read(spot: Spot) -> "Tensor":
    """A parameter as diffusers has it, in the file's precision, in main memory.

    Raises ModelError where the file is of another format than safetensors.
    """
    from safetensors import safe_open

    if spot.file.suffix != ".safetensors":
        raise ModelError(f"'{spot.file}' is no safetensors file; give the model in that format")
    with safe_open(spot.file, framework="pt") as file:
        rows = file.get_slice(spot.tensor)[spot.first : spot.first + spot.shape[0]]
    return _swapped(rows) if spot.swapped else rows


def write(copy: Header, spot: Spot, value: "Tensor") -> None:
    """Put a parameter, in the file's precision, where it lies in a copy of its file, given by the copy's header."""
    import torch

    whole = copy.tensors[spot.tensor]
    row = (whole.end - whole.begin) // whole.shape[0]
    rows = (_swapped(value) if spot.swapped else value).cpu().contiguous()
    with copy.path.open("r+b") as stream:
        stream.seek(copy.data + whole.begin + spot.first * row)
        stream.write(rows.view(torch.uint8).numpy().tobytes())


def _swapped(rows: "Tensor") -> "Tensor":
    """With its two halves the other way round."""
    import torch

    return torch.cat(rows.chunk(2)[::-1])
