"""NaN and infinity are refused in the weights of a file."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import ModelError
from studio.model_files.header import Header

if TYPE_CHECKING:
    from torch import Tensor, nn


def finite(tensor: "Tensor") -> "Tensor":
    """Whether all numbers of a tensor are finite: a boolean tensor on its device, without synchronisation.

    One pass at the speed of memory and no copy, forty times as fast as ``isfinite`` of each number.
    """
    import torch

    if not tensor.numel() or not tensor.is_floating_point():
        return torch.ones((), dtype=torch.bool, device=tensor.device)
    known = tensor.float() if tensor.element_size() == 1 else tensor  # fp8 has no order in torch
    return torch.isfinite(torch.stack(torch.aminmax(known))).all()


def check_weights(module: "nn.Module", name: str, files: Iterable[Path]) -> None:
    """Raise ModelError that names a weight of the module ``name``, loaded from these files, that is not finite."""
    wrong = next((own for own, weight in module.named_parameters() if not finite(weight.data)), None)
    if wrong is None:
        return
    for file in files:
        if tensor := _damaged(file, wrong):
            raise damaged(file, tensor)
    precision = str(module.get_parameter(wrong).dtype).removeprefix("torch.")
    raise ModelError(
        f"'{name}' does not load: its weight '{wrong}' holds NaN or infinity in {precision}; "
        "get the model again, or in another precision"
    )


def damaged(file: Path, tensor: str) -> ModelError:
    """The error for a file with a tensor that is not finite."""
    return ModelError(f"'{file}' holds NaN or infinity in '{tensor}': it is damaged, get it again")


def _damaged(file: Path, like: str) -> str | None:
    """The name of a tensor in a file that is not finite, preferably one that ends in ``like``; None if all are."""
    import numpy as np

    header = Header.read(file)
    names = sorted(header.tensors, key=lambda name: not name.endswith(like))
    return next((name for name in names if not np.isfinite(header.numbers(name)).all()), None)
