"""Loads a model from a single weight file; what the file lacks comes from its base. Nothing is looked up online."""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studio.errors import ModelError
from studio.models import bases, folder
from studio.models.card import ModelCard

if TYPE_CHECKING:
    import torch

_PART_OF = {"vae": "VAE", "text_encoder": "text encoder"}


def load(card: ModelCard, kind: Any, dtype: "torch.dtype") -> Any:
    """The diffusers pipeline of class ``kind`` around the file's weights, in main memory.

    Raises ModelError that names the parts that neither the file nor its base has.
    """
    base = _base(card)
    settings = {"dtype": dtype, "local_files_only": True}
    if not hasattr(kind, "from_single_file"):
        return _around_denoiser(card, kind, base, settings)
    with TemporaryDirectory() as laid:
        bases.lay_out(base, card.variant, card.prediction, Path(laid))
        return kind.from_single_file(str(card.path), config=laid, **settings, **_borrowed(card, base, settings))


def _base(card: ModelCard) -> Path:
    lacks = card.weights.lacks if card.weights else ()
    if card.base and (card.base.is_dir() or not lacks):
        return card.base
    missing = f"has no {' and no '.join(lacks)}" if lacks else f"comes without the settings of a {card.family.title}"
    raise ModelError(
        f"the model '{card.name}' {missing}; take them from a diffusers folder of the same family: "
        f"studio models add '{card.path}' --base FOLDER"
    )


def _borrowed(card: ModelCard, base: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The components that the file lacks, loaded from the base."""
    lacks = card.weights.lacks if card.weights else ()
    if not lacks:
        return {}
    folder.check(base)
    return {
        name: _class(library, kind).from_pretrained(base / name, use_safetensors=True, **settings)
        for name, (library, kind) in folder.components(base).items()
        if _PART_OF.get(name.rstrip("_234")) in lacks
    }


def _around_denoiser(card: ModelCard, kind: Any, base: Path, settings: dict[str, Any]) -> Any:
    """The base as it is, but for the denoiser: the pipelines of some families cannot read a file themselves."""
    folder.check(base)
    parts = folder.components(base)
    name = "transformer" if "transformer" in parts else "unet"
    denoiser = _class(*parts[name]).from_single_file(str(card.path), config=str(base), subfolder=name, **settings)
    return kind.from_pretrained(base, use_safetensors=True, **settings, **{name: denoiser})


def _class(library: str, kind: str) -> Any:
    return getattr(import_module(library), kind)
