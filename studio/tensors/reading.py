"""Reads tensors from files, and writes single tensors in a copy of a file; never a whole model."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import ModelError
from studio.model_files.header import Header
from studio.models.checkpoint import SCALES
from studio.models.parameter_index import ParameterLocation
from studio.tensors.alignment import aligned
from studio.tensors.finite import damaged, finite

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def read_all(path: Path) -> "dict[str, Tensor]":
    """All tensors of a safetensors file, in main memory.

    They are copied, since the library maps the file, which may be overwritten. Raises ModelError where a tensor is not
    finite, except for single numbers such as an alpha, which may have no meaning.
    """
    from safetensors.torch import load_file

    tensors = {name: tensor.clone() for name, tensor in load_file(path).items()}
    for name, tensor in tensors.items():
        if tensor.ndim and not finite(tensor):
            raise damaged(path, name)
    return tensors


def read_named(path: Path, names: Mapping[str, str], dtype: "torch.dtype") -> "dict[str, Tensor]":
    """Some tensors of a safetensors file, each under the name that the mapping gives it.

    Weights with a scale are multiplied by it in float32 and rounded to ``dtype`` once; all others keep the file's dtype
    and are mapped from the file.
    """
    import torch
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        there = set(file.keys())

        def whole(name: str) -> "Tensor":
            tensor: Tensor = file.get_tensor(name)
            module, _, end = name.rpartition(".")
            scale = next(
                (f"{module}{scale}" for scale in SCALES if end == "weight" and f"{module}{scale}" in there), ""
            )
            if not scale:
                return tensor
            tensor = tensor.to(torch.float32) * file.get_tensor(scale).to(torch.float32).reshape(())
            return tensor.to(dtype)

        return {new: whole(name) for name, new in names.items()}


def read(location: ParameterLocation) -> "Tensor":
    """A parameter as diffusers has it, in the file's dtype, in main memory.

    Raises ModelError where the file is in another format than safetensors.
    """
    from safetensors import safe_open

    if location.file.suffix != ".safetensors":
        raise ModelError(f"'{location.file}' is not a safetensors file; give the model in that format")
    with safe_open(location.file, framework="pt") as file:
        rows = file.get_slice(location.tensor)[location.first : location.first + location.shape[0]]
    return _swapped(rows) if location.swapped else aligned(rows)


def write(copy: Header, location: ParameterLocation, value: "Tensor") -> None:
    """Overwrite a parameter, in the file's dtype, in a copy of its file, given by the copy's header."""
    import torch

    whole = copy.tensors[location.tensor]
    row = (whole.end - whole.begin) // whole.shape[0]
    rows = (_swapped(value) if location.swapped else value).cpu().contiguous()
    with copy.path.open("r+b") as stream:
        stream.seek(copy.data + whole.begin + location.first * row)
        stream.write(rows.view(torch.uint8).numpy().tobytes())


def _swapped(rows: "Tensor") -> "Tensor":
    """The rows with their two halves swapped."""
    import torch

    return torch.cat(rows.chunk(2)[::-1])
