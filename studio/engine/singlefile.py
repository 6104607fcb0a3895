"""Loads a model from a single weight file; what the file lacks comes from its base. Nothing is looked up online."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studio.engine import denoiser
from studio.errors import ModelError
from studio.models import bases, folder
from studio.models.card import ModelCard

if TYPE_CHECKING:
    import torch

_PART_OF = {"vae": "VAE", "text_encoder": "text encoder"}


def load(card: ModelCard, kind: Any, dtype: "torch.dtype") -> Any:
    """The diffusers pipeline of class ``kind`` around the file's weights, in main memory.

    Where diffusers cannot read files of the family, the file gives the denoiser and the base all else. Raises
    ModelError that says what neither of them has.
    """
    base, settings = _base(card), {"dtype": dtype, "local_files_only": True}
    if not bases.reads_whole(card.family):
        made = {denoiser.NAME: denoiser.build(card, base, dtype)}
        return kind.from_pretrained(base, use_safetensors=True, variant=folder.variants(base), **settings, **made)
    with TemporaryDirectory() as laid:
        bases.lay_out(base, card.variant, card.prediction, Path(laid))
        return kind.from_single_file(str(card.path), config=laid, **settings, **_borrowed(card, base, settings))


def _base(card: ModelCard) -> Path:
    lacks = card.weights.lacks if card.weights else ()
    if card.base and card.base.is_dir():
        folder.check(card.base)
        return card.base
    if card.base and not lacks:
        return card.base
    raise ModelError(bases.wanted(card.name, card.path, card.family, lacks))


def _borrowed(card: ModelCard, base: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The components that the file lacks, loaded from the base."""
    lacks = card.weights.lacks if card.weights else ()
    return {
        name: denoiser.class_of(library, kind).from_pretrained(
            base / name, use_safetensors=True, variant=folder.variant(base / name), **settings
        )
        for name, (library, kind) in (folder.components(base) if lacks else {}).items()
        if _PART_OF.get(name.rstrip("_234")) in lacks
    }
