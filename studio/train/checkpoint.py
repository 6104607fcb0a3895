"""What a training goes on from: the LoRA so far, its optimizer's moments, and numbers, in one file."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from studio.errors import InputError
from studio.pictures.publish import replace

if TYPE_CHECKING:
    from torch import Tensor, nn

Learning = Mapping[str, "nn.Parameter"]

_MOMENTS: Final = ("exp_avg", "exp_avg_sq")


class Numbers(BaseModel):
    """What a state holds besides tensors. ``identity`` is a hash of all that decides what is learned; there is a loss
    for each step that is done; ``scaler`` is the state of the loss scaling in half precision, where there is any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    identity: str
    losses: tuple[FiniteFloat, ...] = ()
    seen: int = 0
    seconds: FiniteFloat = 0
    joules: FiniteFloat = 0
    scaler: dict[str, Any] = {}


def save(file: Path, learning: Learning, optimizer: Any, numbers: Numbers) -> None:
    """Write the parameters, the moments that AdamW keeps of them, and ``numbers``, in place of what was there.

    Raises OutputError where the disk refuses it; then what was there is as it was.
    """
    from safetensors.torch import save as written

    replace(file, written(_tensors(learning, optimizer), {"numbers": numbers.model_dump_json()}))


def read(file: Path) -> Numbers | None:
    """The numbers that were saved, None where nothing was; raises InputError for a file that is damaged."""
    from safetensors import SafetensorError, safe_open

    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as saved:
            return Numbers.model_validate_json((saved.metadata() or {})["numbers"])
    except (SafetensorError, OSError, KeyError, ValidationError):
        raise _unreadable(file) from None


def load(file: Path, learning: Learning, optimizer: Any, step: int) -> None:
    """Take the parameters and their moments, as they were after ``step`` steps, to the last bit.

    Raises InputError where one is missing, has another shape, or is not finite; then nothing was taken.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    kinds = ("lora", *_MOMENTS) if step else ("lora",)
    try:
        with safe_open(file, "pt") as saved:
            found = {(kind, name): saved.get_tensor(f"{kind}.{name}") for name in learning for kind in kinds}
    except (SafetensorError, OSError):
        raise _unreadable(file) from None
    if not all(one.shape == learning[name].shape and torch.isfinite(one).all() for (_, name), one in found.items()):
        raise _unreadable(file)
    for name, one in learning.items():
        one.data.copy_(found["lora", name])
        if step:
            moments = {moment: found[moment, name].to(one.device) for moment in _MOMENTS}
            optimizer.state[one] = {"step": torch.tensor(float(step)), **moments}


def _unreadable(file: Path) -> InputError:
    return InputError(
        f"'{file}', which the training would go on from, is damaged or of another version of the studio; "
        "put a copy of it in its place, or delete its folder to start again"
    )


def _tensors(learning: Learning, optimizer: Any) -> "dict[str, Tensor]":
    found = {f"lora.{name}": one.detach() for name, one in learning.items()}
    for name, one in learning.items():
        memory = optimizer.state.get(one, {})
        found |= {f"{moment}.{name}": memory[moment] for moment in _MOMENTS if memory}
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}
