"""What a training goes on from: the LoRA so far, its optimizer's memory, and numbers; one file, whole or not at all."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from torch import nn

Learning = Mapping[str, "nn.Parameter"]

_MOMENTS: Final = ("exp_avg", "exp_avg_sq")


def save(file: Path, learning: Learning, optimizer: Any, numbers: Mapping[str, Any]) -> None:
    """Write the parameters, the moments that AdamW keeps of them, and ``numbers``, in place of what was there."""
    from safetensors.torch import save_file

    partial = file.with_suffix(".partial")
    save_file(_tensors(learning, optimizer), partial, {"numbers": json.dumps(numbers)})
    with partial.open("rb") as written:
        os.fsync(written.fileno())
    partial.replace(file)


def numbers(file: Path) -> dict[str, Any]:
    """The numbers that were saved; none where nothing was."""
    from safetensors import safe_open

    if not file.exists():
        return {}
    with safe_open(file, "pt") as saved:
        found: dict[str, Any] = json.loads(saved.metadata()["numbers"])
    return found


def load(file: Path, learning: Learning, optimizer: Any, step: int) -> None:
    """Take the parameters and their moments, as they were after ``step`` steps, to the last bit."""
    import torch
    from safetensors import safe_open

    with safe_open(file, "pt") as saved:
        for name, one in learning.items():
            one.data.copy_(saved.get_tensor(f"lora.{name}"))
            if step:
                moments = {moment: saved.get_tensor(f"{moment}.{name}").to(one.device) for moment in _MOMENTS}
                optimizer.state[one] = {"step": torch.tensor(float(step)), **moments}


def _tensors(learning: Learning, optimizer: Any) -> dict[str, Any]:
    found = {f"lora.{name}": one.detach() for name, one in learning.items()}
    for name, one in learning.items():
        memory = optimizer.state.get(one, {})
        found |= {f"{moment}.{name}": memory[moment] for moment in _MOMENTS if memory}
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}
