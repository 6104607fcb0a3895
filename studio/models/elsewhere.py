"""Models of other programs, read where they lie: the folders of A1111 and its kin, and of ComfyUI."""

from pathlib import Path
from typing import Final

from studio.models.folder import PICKLES
from studio.models.weights import Weights, verdict

_WITHIN: Final = (
    "models/Stable-diffusion",  # A1111, Forge, SD.Next
    "models/checkpoints",  # ComfyUI
    "models/diffusion_models",
    "models/unet",
)


def places(folder: Path) -> list[Path]:
    """Where the models lie in the folder of such a program; the folder itself where it is none."""
    return [folder / place for place in _WITHIN if (folder / place).is_dir()] or [folder]


def files(folder: Path) -> list[Path]:
    """Every safetensors file among its models, however deep."""
    return sorted(file for place in places(folder) for file in place.rglob("*.safetensors") if file.is_file())


def models(folder: Path) -> dict[str, Path]:
    """The models in it that are of a family known here, by the names of their files."""
    found: dict[str, Path] = {}
    for file in files(folder):
        if isinstance(verdict(file), Weights):
            found.setdefault(file.stem if file.stem not in found else f"{file.parent.name}/{file.stem}", file)
    return found


def pickled(folder: Path) -> list[Path]:
    """The models in it that are left alone, because reading them could run code."""
    return [file for place in places(folder) for file in place.rglob("*") if file.suffix.lower() in PICKLES]
