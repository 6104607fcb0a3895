"""The file that an interrupted training resumes from: the LoRA so far, its optimizer's moments, and numbers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError

from studio.errors import InputError
from studio.pictures.publish import replace

if TYPE_CHECKING:
    from torch import Tensor, nn

TrainableParameters = Mapping[str, "nn.Parameter"]

_MOMENTS: Final = ("exp_avg", "exp_avg_sq")
_NUMBERS: Final = "numbers"  # the key in the file's metadata


class CheckpointNumbers(BaseModel):
    """What a checkpoint holds besides tensors.

    ``identity`` is a hash of everything that decides what is learned. ``losses`` has one for each step that is done,
    ``seen`` counts pictures. ``scaler`` is the state of the loss scaling in half precision, if there is one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    identity: str
    losses: tuple[FiniteFloat, ...] = ()
    seen: int = 0
    seconds: FiniteFloat = 0
    joules: FiniteFloat = 0
    scaler: dict[str, Any] = {}


def save(file: Path, parameters: TrainableParameters, optimizer: Any, numbers: CheckpointNumbers) -> None:
    """Write the parameters, AdamW's moments of them, and ``numbers``, in place of an earlier checkpoint.

    Raises OutputError where the disk refuses it; then the earlier one is unchanged.
    """
    from safetensors.torch import save as to_bytes

    replace(file, to_bytes(_tensors(parameters, optimizer), {_NUMBERS: numbers.model_dump_json()}))


def read(file: Path) -> CheckpointNumbers | None:
    """The numbers that were saved, None where nothing was; raises InputError for a file that is damaged."""
    from safetensors import SafetensorError, safe_open

    if not file.exists():
        return None
    try:
        with safe_open(file, "pt") as saved:
            return CheckpointNumbers.model_validate_json((saved.metadata() or {})[_NUMBERS])
    except (SafetensorError, OSError, KeyError, ValidationError):
        raise _unreadable(file) from None


def load(file: Path, parameters: TrainableParameters, optimizer: Any, step: int) -> None:
    """Restore the parameters and their moments as they were after ``step`` steps, to the last bit.

    Raises InputError where one is missing, has another shape, or is not finite; then nothing is restored.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    kinds = ("lora", *_MOMENTS) if step else ("lora",)
    try:
        with safe_open(file, "pt") as saved:
            found = {(kind, name): saved.get_tensor(f"{kind}.{name}") for name in parameters for kind in kinds}
    except (SafetensorError, OSError):
        raise _unreadable(file) from None
    if not all(one.shape == parameters[name].shape and torch.isfinite(one).all() for (_, name), one in found.items()):
        raise _unreadable(file)
    for name, parameter in parameters.items():
        parameter.data.copy_(found["lora", name])
        if step:
            moments = {moment: found[moment, name].to(parameter.device) for moment in _MOMENTS}
            optimizer.state[parameter] = {"step": torch.tensor(float(step)), **moments}


def _unreadable(file: Path) -> InputError:
    return InputError(
        f"'{file}', which the training would resume from, is damaged or of another version of the studio; "
        "put a copy of it in its place, or delete its folder to start again"
    )


def _tensors(parameters: TrainableParameters, optimizer: Any) -> "dict[str, Tensor]":
    found = {f"lora.{name}": parameter.detach() for name, parameter in parameters.items()}
    for name, parameter in parameters.items():
        state = optimizer.state.get(parameter, {})
        found |= {f"{moment}.{name}": state[moment] for moment in _MOMENTS if state}
    return {name: tensor.cpu().contiguous() for name, tensor in found.items()}
