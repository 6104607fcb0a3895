"""Loads a model from a single weight file; what the file lacks comes from its base. Nothing is looked up online."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from studio.diffusion.loading import components, denoiser
from studio.errors import ModelError, OutputError
from studio.model_files.configuration import read_json
from studio.models import component_configs, folder
from studio.models.card import ModelCard

if TYPE_CHECKING:
    import torch


def load(card: ModelCard, kind: Any, dtype: "torch.dtype", besides: Mapping[str, Any]) -> Any:
    """The diffusers pipeline of class ``kind`` around the file's weights, in main memory; it is given ``besides`` too.

    The denoiser is the file's; a VAE and text encoders are those in files of their own, or the file's, or the base's.
    Raises ModelError that says what neither of them has.
    """
    base, how = _base(card), {"dtype": dtype, "local_files_only": True}
    if base.is_dir():
        return _assembled(card, base, kind, how, besides)
    with TemporaryDirectory() as laid:
        _lay_out(base, card.variant, Path(laid))
        return _assembled(card, Path(laid), kind, how, besides)


def _lay_out(base: Path, variant: str, out: Path) -> None:
    try:
        component_configs.lay_out(base, variant, out)
    except OSError as error:
        raise OutputError(f"cannot write to '{out.parent}': {error.strerror or error}; make room there") from None


def _assembled(card: ModelCard, base: Path, kind: Any, how: dict[str, Any], besides: Mapping[str, Any]) -> Any:
    own = {denoiser.name_in(base): denoiser.build(card, base, how["dtype"])}
    own |= components.build(card, base, how["dtype"])
    own |= {"scheduler": _scheduler(card, base)} | _borrowed(card, base, how, {*own, *besides})
    return kind.from_pretrained(base, use_safetensors=True, **how, **own, **besides)


def _base(card: ModelCard) -> Path:
    lacks = card.lacks()
    if card.base is None or lacks:
        raise ModelError(component_configs.wanted(card.name, card.path, card.family, lacks))
    if card.base.is_dir():
        folder.check(card.base)
    return card.base


def _scheduler(card: ModelCard, base: Path) -> Any:
    """The base's scheduler, told what the file's denoiser predicts."""
    config = read_json(base / "scheduler" / "scheduler_config.json") | component_configs.PREDICTIONS[card.prediction]
    return denoiser.class_of(*folder.components(base)["scheduler"]).from_config(config)


def _borrowed(card: ModelCard, base: Path, how: dict[str, Any], there: set[str]) -> dict[str, Any]:
    """The components with weights that the file lacks, loaded from the base, each in the precision it comes in."""
    found = {}
    for name, (library, kind) in folder.components(base).items():
        if name in there or not (base / name / "config.json").is_file():
            continue
        if not folder.weight_files(base / name):
            raise ModelError(component_configs.wanted(card.name, card.path, card.family, (name.replace("_", " "),)))
        which = folder.variant(base / name)
        loaded = denoiser.class_of(library, kind).from_pretrained(
            base / name, use_safetensors=True, variant=which, **how
        )
        found[name] = loaded
    return found
